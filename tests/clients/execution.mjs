// From a WebAssembly file to its downloaded result: `node execution.mjs VERSION TRUST`. Orders go through the market.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import { account, library, network, upload } from './lib/network.mjs';
import { archiveOf, completedByAll } from './lib/replicated.mjs';
import { done, observed, refused, step } from './lib/steps.mjs';
import { entries } from './lib/zip.mjs';

const [version = '9.0.0', trust = '1'] = process.argv.slice(2);
const ready = await network();
const client = await library(version, ready);
const [provider, pool, buyer] = ['appProvider', 'workerpoolOwner', 'requester'].map((role) => client.open(role));
const requester = account(ready, 'requester').address;
const module = await readFile(new URL('../../examples/hello/hello.wasm', import.meta.url));
// Without a secret service there is nobody to ask before signing.
const preflight = { preflightCheck: ready.smsUrl !== undefined };
const words = `run-${version}-${trust}-${Date.now()}`;

const cid = await step('upload the module', () => upload(ready, module));
const input = await step('upload the input', () => upload(ready, Buffer.from('the answer is 42\n')));
const app = await step('app.deployApp', async () => {
  const { address } = await provider.app.deployApp({
    owner: await provider.wallet.getAddress(),
    name: words,
    type: 'DOCKER',
    multiaddr: `/ipfs/${cid}`,
    checksum: `0x${createHash('sha256').update(module).digest('hex')}`,
  });
  return address;
});
await step('app.showApp', async () => {
  const { app: shown } = await provider.app.showApp(app);
  assert.equal(shown.appMultiaddr, `/p2p/${cid}`);
  assert.equal(shown.appType, 'DOCKER');
});

const apporder = await step('order.signApporder', async () =>
  provider.order.signApporder(await provider.order.createApporder({ app, appprice: 7, volume: 10 })));
const workerpoolorder = await step('order.signWorkerpoolorder', async () => {
  const order = { workerpool: ready.workerpool, workerpoolprice: 11, category: 0, trust, volume: 10, apprestrict: app };
  return pool.order.signWorkerpoolorder(await pool.order.createWorkerpoolorder(order));
});
await step('order.publish', async () => {
  await provider.order.publishApporder(apporder);
  await pool.order.publishWorkerpoolorder(workerpoolorder);
});
const orders = await step('orderbook', async () => {
  const apps = await buyer.orderbook.fetchAppOrderbook({ app });
  assert.equal(apps.count, 1);
  const pools = await buyer.orderbook.fetchWorkerpoolOrderbook({ app, category: 0, minTrust: trust, isAppStrict: true });
  assert.equal(pools.count, 1);
  return { apporder: apps.orders[0].order, workerpoolorder: pools.orders[0].order };
});
orders.requestorder = await step('order.signRequestorder', async () => {
  const order = {
    app, category: 0, trust, appmaxprice: 7, workerpoolmaxprice: 11, volume: 1,
    params: { iexec_args: `Alice '${words}'`, iexec_input_files: [`${ready.ipfsGatewayUrl}/ipfs/${input}`] },
  };
  return buyer.order.signRequestorder(await buyer.order.createRequestorder(order), preflight);
});

await step('account.deposit', () => buyer.account.deposit(18));
const { dealid } = await step('order.matchOrders', async () => {
  const { volume, total } = await buyer.order.estimateMatchOrders(orders);
  assert.equal(`${volume}/${total}`, '1/18');
  return buyer.order.matchOrders(orders, preflight);
});
await step('order.matchOrders again', () => refused(() => buyer.order.matchOrders(orders, preflight), /fully consumed/i));
const taskid = await step('deal.computeTaskId', () => buyer.deal.computeTaskId(dealid, 0));
await step('deal.fetchRequesterDeals', async () => {
  const { count, deals } = await buyer.deal.fetchRequesterDeals(requester, { appAddress: app });
  assert.equal(count, 1);
  assert.equal(deals[0].dealid, dealid);
});
const show = trust === '1' ? shownByClient : shownByEthers;
const archive = await step('the task completes', show);
await step('the result', async () => {
  const files = entries(archive);
  assert.equal(files['result.txt'].toString(), `hello Alice ${words}\nthe answer is 42\n`);
});
done({ version, trust });

async function shownByClient() {
  const told = await observed(await buyer.task.obsTask(taskid, { dealid }));
  assert.equal(told.at(-1).message, 'TASK_COMPLETED', JSON.stringify(told));
  const task = await buyer.task.show(taskid);
  assert.equal(task.statusName, 'COMPLETED');
  assert.equal(task.results.storage, 'ipfs');
  assert.equal(task.contributors.length, 1);
  return (await buyer.task.fetchResults(taskid)).arrayBuffer();
}

async function shownByEthers() {
  const task = await completedByAll(ready, taskid);
  assert(task.contributors.length >= 2, `${task.contributors.length} contributors at trust ${trust}`);
  await refused(() => buyer.task.show(taskid), /value at index 0 unnamed/);
  return archiveOf(ready, task);
}
