// Many datasets in one request: a task for each slice, and a dataset that its owner does not give to this app is left out.
import assert from 'node:assert/strict';

import { refused, step } from '../lib/steps.mjs';
import { app, appOrder, completed, dataset, datasetOrder, files, person, poolOrder, requestOrder } from '../lib/trade.mjs';

const DATASETS = 3;
const PER_TASK = 2;

export async function bulk(world) {
  const { enclave: tag, client } = world;
  const [owner, provider, buyer] = await step('people', async () => [
    await person(world), await person(world), await person(world, { deposit: 100 }),
  ]);
  const sold = await step('app.deployApp', () => app(world, owner));
  const clear = (number) => `dataset ${number}\n`;
  const free = { datasetprice: 0, volume: client.utils.DATASET_INFINITE_VOLUME, tag };
  const orders = await step('datasets', async () => {
    const orders = [];
    for (let number = 0; number < DATASETS; number += 1) {
      const address = await dataset(world, provider, clear(number));
      // The second is for another app.
      const apprestrict = number === 1 ? provider.address : sold;
      orders.push(await datasetOrder(provider, { dataset: address, apprestrict, ...free }));
    }
    return orders;
  });
  const { cid, volume } = await step('order.prepareDatasetBulk', async () => {
    const priced = await datasetOrder(provider, { dataset: orders[0].dataset, ...free, datasetprice: 1 });
    await refused(() => buyer.iexec.order.prepareDatasetBulk([priced]), /datasetprice/);
    const prepared = await buyer.iexec.order.prepareDatasetBulk(orders, { maxDatasetPerTask: PER_TASK });
    assert.equal(prepared.volume, Math.ceil(DATASETS / PER_TASK));
    return prepared;
  });
  const { dealid } = await step('order.matchOrders', async () => {
    const requestorder = await requestOrder(buyer, {
      app: sold, workerpoolmaxprice: 5, volume, tag, params: { bulk_cid: cid },
    });
    const deal = await buyer.iexec.order.matchOrders({
      apporder: await appOrder(owner, { app: sold, volume: 9, tag }),
      workerpoolorder: await poolOrder(world, { workerpoolprice: 5, volume: 9, tag }),
      requestorder,
    });
    assert.equal(String(deal.volume), String(volume));
    return deal;
  });
  await step('each task read its slice', async () => {
    const name = (number) => orders[number].dataset;
    const expected = [
      `2\n${name(0)}\n${clear(0)}${name(1)}\n(no dataset)\n`,
      `1\n${name(2)}\n${clear(2)}`,
    ];
    for (const [index, text] of expected.entries()) {
      const result = await files(buyer, await completed(world, buyer, dealid, index));
      assert.equal(result['result.txt'].toString(), text);
    }
  });
}
