// As in a page: a wallet behind EIP-1193 signs and sends (`personal_sign`, `eth_signTypedData_v4`, `eth_sendTransaction`).
// Here the chain's node is the wallet; it holds the keys of the development accounts.
import assert from 'node:assert/strict';

import { account, rpc } from '../lib/network.mjs';
import { step } from '../lib/steps.mjs';
import { app, appOrder, completed, files, poolOrder, requestOrder } from '../lib/trade.mjs';

const ACCOUNTS = ['eth_accounts', 'eth_requestAccounts'];

function page(ready, address) {
  const asked = new Set();
  const request = async ({ method, params = [] }) => {
    asked.add(method);
    return ACCOUNTS.includes(method) ? [address] : rpc(ready, method, params);
  };
  return { asked, request };
}

export async function browser(world) {
  const { enclave: tag, ready, client } = world;
  const { address } = account(ready, 'worker', client.bank);
  const wallet = page(ready, address);
  const iexec = client.withSigner(wallet);
  const user = { iexec, address };
  await step('wallet.getAddress', async () => assert.equal(await iexec.wallet.getAddress(), address));
  const sold = await step('app.deployApp', () => app(world, user));
  await step('app.pushAppSecret', async () => assert.equal(await iexec.app.pushAppSecret(sold, 'from a page'), true));
  await step('account.deposit', () => iexec.account.deposit(100));
  const orders = await step('order.publish', async () => {
    await iexec.order.publishApporder(await appOrder(user, { app: sold, appprice: 3, tag }));
    const { orders: [{ order: apporder, signer }] } = await iexec.orderbook.fetchAppOrderbook({ app: sold, minTag: tag });
    assert.equal(signer, address);
    return { apporder, workerpoolorder: await poolOrder(world, { workerpoolprice: 5, tag }) };
  });
  const { dealid } = await step('order.matchOrders', async () => {
    const requestorder = await requestOrder(user, { app: sold, appmaxprice: 3, workerpoolmaxprice: 5, tag });
    return iexec.order.matchOrders({ ...orders, requestorder });
  });
  await step('the result', async () => {
    const result = await files(user, await completed(world, user, dealid));
    assert.match(result['result.txt'].toString(), /APP_DEVELOPER_SECRET=from a page\n/);
  });
  await step('the wallet did it', () => {
    for (const method of ['personal_sign', 'eth_signTypedData_v4', 'eth_sendTransaction']) assert(wallet.asked.has(method), method);
  });
}
