// Orders for certain partners: the market shows them to these, the hub takes them from these, groups count as well.
import assert from 'node:assert/strict';

import { put } from '../lib/contracts.mjs';
import { refused, step } from '../lib/steps.mjs';
import { app, appOrder, completed, dataset, datasetOrder, files, person, poolOrder, requestOrder } from '../lib/trade.mjs';

// Each kind of order, whom it can be for, and with which code the hub refuses others (poco 7.3).
const RESTRICTIONS = {
  app: { dataset: '13', workerpool: '14', requester: '15' },
  dataset: { app: '16', workerpool: '17', requester: '18' },
  workerpool: { app: '19', dataset: '1a', requester: '1b' },
};
const unmatched = (code) => new RegExp(`^execution reverted: iExecV5-matchOrders-0x${code}$`);

export async function restricted(world) {
  const { enclave: tag, ready } = world;
  const [owner, provider, buyer, stranger] = await step('people', async () => [
    await person(world), await person(world),
    await person(world, { deposit: 100 }), await person(world, { deposit: 100 }),
  ]);
  const sold = await step('app.deployApp', () => app(world, owner));
  const rented = await step('dataset.deployDataset', () => dataset(world, provider, 'for friends\n'));
  const group = await step('a group with the buyer', async () => (await put(owner.wallet, 'Group', buyer.address)).target);

  const plain = { volume: 20, tag };
  const open = await step('orders for everybody', async () => ({
    apporder: await appOrder(owner, { app: sold, ...plain }),
    datasetorder: await datasetOrder(provider, { dataset: rented, ...plain }),
    workerpoolorder: await poolOrder(world, { workerpoolprice: 5, ...plain }),
  }));
  const terms = { app: sold, dataset: rented, workerpoolmaxprice: 5, tag };
  const attempt = async (who, orders) => {
    const requestorder = await requestOrder(who, terms);
    return who.iexec.order.matchOrders({ ...open, ...orders, requestorder });
  };
  const forms = {
    app: (more) => appOrder(owner, { app: sold, ...plain, ...more }),
    dataset: (more) => datasetOrder(provider, { dataset: rented, ...plain, ...more }),
    workerpool: (more) => poolOrder(world, { workerpoolprice: 5, ...plain, ...more }),
  };
  const addresses = { app: sold, dataset: rented, workerpool: ready.workerpool };
  for (const [kind, codes] of Object.entries(RESTRICTIONS)) {
    for (const [other, code] of Object.entries(codes)) {
      await step(`${kind}order for another ${other}`, async () => {
        const order = await forms[kind]({ [`${other}restrict`]: stranger.address });
        await refused(() => attempt(buyer, { [`${kind}order`]: order }), unmatched(code));
      });
    }
  }
  await step('orders for exactly these', async () => {
    const { app: a, dataset: d, workerpool: w } = addresses;
    const exact = {
      apporder: await forms.app({ datasetrestrict: d, workerpoolrestrict: w, requesterrestrict: buyer.address }),
      datasetorder: await forms.dataset({ apprestrict: a, workerpoolrestrict: w, requesterrestrict: group }),
      workerpoolorder: await forms.workerpool({ apprestrict: a, datasetrestrict: d, requesterrestrict: group }),
    };
    await refused(() => attempt(stranger, exact), unmatched(RESTRICTIONS.app.requester));
    const { dealid } = await attempt(buyer, exact);
    const result = await files(buyer, await completed(world, buyer, dealid));
    assert.equal(result['result.txt'].toString(), 'for friends\n');
  });
  await step('the order book', async () => {
    const order = await forms.app({ requesterrestrict: buyer.address });
    await owner.iexec.order.publishApporder(order);
    const seen = async (who, more = {}) => {
      const query = { app: sold, requester: who.address, minTag: tag, ...more };
      return (await who.iexec.orderbook.fetchAppOrderbook(query)).count;
    };
    assert.deepEqual([await seen(buyer), await seen(stranger), await seen(stranger, { isRequesterStrict: true })], [1, 0, 0]);
  });
}
