// The result goes to a contract; one that will not have it, or is none, does not keep the task from completing.
import assert from 'node:assert/strict';

import { hexlify, toUtf8Bytes } from 'ethers';

import { put } from '../lib/contracts.mjs';
import { refused, step } from '../lib/steps.mjs';
import { app, appOrder, completed, person, poolOrder, requestOrder } from '../lib/trade.mjs';

const REPORTED = hexlify(toUtf8Bytes('(no dataset)\n'));

export async function callback(world) {
  const { standard: tag, ready } = world;
  const [owner, buyer] = await step('people', async () => [
    await person(world), await person(world, { deposit: 100 }),
  ]);
  const sold = await step('app.deployApp', () => app(world, owner));
  const consumer = await step('a consumer', () => put(owner.wallet, 'Consumer', ready.hub));
  const unwilling = await step('a contract that refuses', () => put(owner.wallet, 'Unwilling'));
  for (const [what, to] of [['consumer', consumer.target], ['unwilling', unwilling.target], ['nobody', buyer.address]]) {
    await step(`callback to ${what}`, async () => {
      const requestorder = await requestOrder(buyer, {
        app: sold, callback: to, workerpoolmaxprice: 5, tag, params: { iexec_args: 'callback' },
      });
      assert.equal(requestorder.params.includes('storage_provider'), false);
      const { dealid } = await buyer.iexec.order.matchOrders({
        apporder: await appOrder(owner, { app: sold, tag }),
        workerpoolorder: await poolOrder(world, { workerpoolprice: 5, tag }),
        requestorder,
      });
      const task = await completed(world, buyer, dealid);
      assert.equal(task.resultsCallback, REPORTED);
      assert.equal(await consumer.results(task.taskid), to === consumer.target ? REPORTED : '0x');
      assert.notEqual(task.results.storage, 'ipfs');
      await refused(() => buyer.iexec.task.fetchResults(task.taskid), /download not supported|No result uploaded/);
    });
  }
}
