// A pool took the money and did nothing: when the time of the deal is over, the requester takes it back. Moves the clock.
import assert from 'node:assert/strict';

import { Contract } from 'ethers';

import { catchUp, pass } from '../lib/clock.mjs';
import { refused, step } from '../lib/steps.mjs';
import { app, appOrder, person, requestOrder } from '../lib/trade.mjs';

const VOLUME = 3;
const [APP_PRICE, POOL_PRICE] = [7, 100];
const COST = VOLUME * (APP_PRICE + POOL_PRICE);
// Category 0: a deal is over after ten times five minutes.
const DEAL_S = 3_000;

export async function claim(world) {
  const { standard: tag, ready } = world;
  await catchUp(ready);
  const [owner, idle, buyer] = await step('people', async () => [
    await person(world), await person(world, { deposit: 1_000 }), await person(world, { deposit: 1_000 }),
  ]);
  const balance = async ({ iexec, address }) => {
    const { stake, locked } = await iexec.account.checkBalance(address);
    return [Number(stake), Number(locked)];
  };
  const sold = await step('app.deployApp', () => app(world, owner));
  const workerpool = await step('workerpool.deployWorkerpool', async () => {
    const listing = { owner: idle.address, description: world.words('a pool without a scheduler') };
    return (await idle.iexec.workerpool.deployWorkerpool(listing)).address;
  });
  const dealid = await step('order.matchOrders', async () => {
    const terms = { workerpool, workerpoolprice: POOL_PRICE, category: 0, volume: VOLUME, tag };
    const made = await idle.iexec.order.createWorkerpoolorder(terms);
    const deal = await buyer.iexec.order.matchOrders({
      apporder: await appOrder(owner, { app: sold, appprice: APP_PRICE, volume: VOLUME, tag }),
      workerpoolorder: await idle.iexec.order.signWorkerpoolorder(made),
      requestorder: await requestOrder(buyer, {
        app: sold, appmaxprice: APP_PRICE, workerpoolmaxprice: POOL_PRICE, volume: VOLUME, tag,
      }),
    });
    assert.equal(String(deal.volume), String(VOLUME));
    return deal.dealid;
  });
  // The pool's stake is 30 % of its price.
  await step('both are bound', async () => {
    assert.deepEqual([await balance(buyer), await balance(idle)], [[1_000 - COST, COST], [1_000 - 90, 90]]);
  });
  const taskid = await step('hub.initialize', async () => {
    const hub = new Contract(ready.hub, ['function initialize(bytes32, uint256) returns (bytes32)'], idle.wallet);
    await (await hub.initialize(dealid, 0)).wait();
    return buyer.iexec.deal.computeTaskId(dealid, 0);
  });
  await step('too early', async () => {
    await refused(() => buyer.iexec.task.claim(taskid), /before reaching the consensus deadline/);
    await refused(() => buyer.iexec.deal.claim(dealid), /before reaching the final time/);
  });
  await step('time passes', () => pass(ready, DEAL_S + 1));
  await step('task.claim', async () => {
    assert.equal((await buyer.iexec.task.show(taskid)).statusName, 'TIMEOUT');
    assert.match(await buyer.iexec.task.claim(taskid), /^0x[0-9a-f]{64}$/);
    assert.equal((await buyer.iexec.task.show(taskid)).statusName, 'FAILED');
    await refused(() => buyer.iexec.task.claim(taskid), /having status FAILED/);
  });
  await step('deal.claim', async () => {
    const { claimed, transactions } = await buyer.iexec.deal.claim(dealid);
    assert.deepEqual(Object.keys(claimed), ['1', '2']);
    assert.deepEqual(transactions.map(({ type }) => type), ['initializeAndClaimArray']);
    await refused(() => buyer.iexec.deal.claim(dealid), /Nothing to claim/);
  });
  await step('the money is back, the stake is lost', async () => {
    assert.deepEqual([await balance(buyer), await balance(idle)], [[1_000, 0], [1_000 - 90, 0]]);
  });
}
