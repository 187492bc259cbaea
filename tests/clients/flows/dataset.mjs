// A dataset is rented: it is published encrypted, its key goes to the enclaves of tasks that paid for it alone.
import assert from 'node:assert/strict';

import { refused, step } from '../lib/steps.mjs';
import { app, appOrder, completed, dataset, datasetOrder, failure, files, person, poolOrder, requestOrder } from '../lib/trade.mjs';

export async function datasets(world) {
  const { enclave: tag, ready } = world;
  const [owner, provider, buyer] = await step('people', async () => [
    await person(world), await person(world), await person(world, { deposit: 100 }),
  ]);
  const sold = await step('app.deployApp', () => app(world, owner));
  const clear = world.words('clear text, rented');
  const rented = await step('dataset.deployDataset, dataset.pushDatasetSecret', () => dataset(world, provider, clear));
  await step('dataset.showDataset', async () => {
    const { dataset: shown } = await buyer.iexec.dataset.showDataset(rented);
    const cid = shown.datasetMultiaddr.replace('/p2p/', '/ipfs/');
    const published = Buffer.from(await (await fetch(`${ready.ipfsGatewayUrl}${cid}`)).arrayBuffer());
    assert.equal(await buyer.iexec.dataset.computeEncryptedFileChecksum(published), shown.datasetChecksum);
    assert.equal(published.includes(clear), false, 'what is published is encrypted');
  });
  await step('dataset.pushDatasetSecret of a stranger', () =>
    refused(() => buyer.iexec.dataset.pushDatasetSecret(rented, buyer.iexec.dataset.generateEncryptionKey()), /not allowed/));

  await step('order.publishDatasetorder', async () => {
    const order = await datasetOrder(provider, { dataset: rented, datasetprice: 11, apprestrict: sold, tag });
    await provider.iexec.order.publishDatasetorder(order);
  });
  const { dealid } = await step('order.matchOrders', async () => {
    const { count, orders } = await buyer.iexec.orderbook.fetchDatasetOrderbook({ dataset: rented, app: sold, isAppStrict: true });
    assert.equal(count, 1);
    const requestorder = await requestOrder(buyer, {
      app: sold, dataset: rented, appmaxprice: 3, datasetmaxprice: 11, workerpoolmaxprice: 5, tag,
    });
    return buyer.iexec.order.matchOrders({
      apporder: await appOrder(owner, { app: sold, appprice: 3, tag }),
      datasetorder: orders[0].order,
      workerpoolorder: await poolOrder(world, { workerpoolprice: 5, tag }),
      requestorder,
    });
  });
  await step('the app read the dataset', async () => {
    const result = await files(buyer, await completed(world, buyer, dealid));
    assert.equal(result['result.txt'].toString(), clear);
  });
  await step('everybody was paid', async () => {
    const stakes = [];
    for (const { iexec, address } of [owner, provider, buyer]) {
      stakes.push(String((await iexec.account.checkBalance(address)).stake));
    }
    assert.deepEqual(stakes, ['3', '11', `${100 - 3 - 11 - 5}`]);
  });
  // Nobody can tell before: the key is the provider's secret.
  await step('a dataset whose key is another one', async () => {
    const sealed = await dataset(world, provider, clear, true);
    const deal = await buyer.iexec.order.matchOrders({
      apporder: await appOrder(owner, { app: sold, tag }),
      datasetorder: await datasetOrder(provider, { dataset: sealed, tag }),
      workerpoolorder: await poolOrder(world, { workerpoolprice: 5, tag }),
      requestorder: await requestOrder(buyer, { app: sold, dataset: sealed, workerpoolmaxprice: 5, tag }),
    });
    const { cause, message } = await failure(world, deal.dealid);
    assert.equal(cause, 'PRE_COMPUTE_DATASET_DECRYPTION_FAILED', message);
  });
}
