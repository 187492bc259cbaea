// What the app's owner and the requester confide to the secret service reaches the enclave of their task, and nothing
// else does.
import assert from 'node:assert/strict';

import { refused, step } from '../lib/steps.mjs';
import { app, appOrder, completed, failure, files, person, poolOrder, requestOrder } from '../lib/trade.mjs';

export async function secrets(world) {
  const { enclave: tag } = world;
  const [owner, buyer, stranger] = await step('people', async () => [
    await person(world), await person(world, { deposit: 100 }), await person(world),
  ]);
  const sold = await step('app.deployApp', () => app(world, owner));
  await step('app.pushAppSecret', async () => {
    await refused(() => stranger.iexec.app.pushAppSecret(sold, 'forged'), /not allowed to set secret/);
    assert.equal(await owner.iexec.app.pushAppSecret(sold, 'of the app'), true);
    await refused(() => owner.iexec.app.pushAppSecret(sold, 'of the app'), /already exists/);
    assert.equal(await buyer.iexec.app.checkAppSecretExists(sold), true);
  });
  await step('secrets.pushRequesterSecret', async () => {
    for (const name of ['first', 'seventh']) {
      assert.equal((await buyer.iexec.secrets.pushRequesterSecret(name, `the ${name}`)).isPushed, true);
    }
    assert.equal((await stranger.iexec.secrets.pushRequesterSecret('foreign', 'of a stranger')).isPushed, true);
  });

  const sell = async () => ({
    apporder: await appOrder(owner, { app: sold, appprice: 3, tag }),
    workerpoolorder: await poolOrder(world, { workerpoolprice: 5, tag }),
  });
  const wanted = (iexec_secrets) => ({ app: sold, appmaxprice: 3, workerpoolmaxprice: 5, tag, params: { iexec_secrets } });
  const { dealid } = await step('order.matchOrders', async () => {
    const requestorder = await requestOrder(buyer, wanted({ 1: 'first', 7: 'seventh' }));
    return buyer.iexec.order.matchOrders({ ...(await sell()), requestorder });
  });
  await step('the app saw its secrets', async () => {
    const result = await files(buyer, await completed(world, buyer, dealid));
    assert.deepEqual(result['result.txt'].toString().split('\n'), [
      'IEXEC_APP_DEVELOPER_SECRET=of the app',
      'IEXEC_APP_DEVELOPER_SECRET_1=of the app',
      'IEXEC_REQUESTER_SECRET_1=the first',
      'IEXEC_REQUESTER_SECRET_7=the seventh',
      '(no dataset)',
      '',
    ]);
  });

  // The stranger's secret has a name that the buyer has no secret of.
  await step('a secret of somebody else', async () => {
    const foreign = wanted({ 1: 'foreign' });
    await refused(() => requestOrder(buyer, foreign), /"foreign" is not set for requester/);
    const requestorder = await requestOrder(buyer, foreign, { preflightCheck: false });
    const orders = { ...(await sell()), requestorder };
    const deal = await buyer.iexec.order.matchOrders(orders, { preflightCheck: false });
    const { cause, message } = await failure(world, deal.dealid);
    assert.match(message, /foreign/, cause);
    assert.equal(message.includes('of a stranger'), false, 'its value is told to nobody');
  });
}
