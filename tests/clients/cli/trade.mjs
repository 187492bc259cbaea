// order, orderbook, deal, task, and applications that run: from what is offered to the downloaded result.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { Contract, JsonRpcProvider, Wallet } from 'ethers';

import { account, rpc } from '../lib/network.mjs';
import { entries } from '../lib/zip.mjs';

const HASH = /^0x[0-9a-f]{64}$/;
const ROLES = { app: 'appProvider', dataset: 'datasetProvider', workerpool: 'workerpoolOwner', request: 'requester' };
const TAG = ['tee', 'tdx'];
const POOL_PRICE = 2;
const COMPLETED = 3;
const NOBODY = '0x0000000000000000000000000000000000000000';

const terms = {
  app: ({ app }) => ({ app, appprice: '1', volume: '10', tag: TAG }),
  dataset: ({ dataset }) => ({ dataset, datasetprice: '0', volume: '10', tag: TAG }),
  workerpool: ({ ready }) => ({
    workerpool: ready.workerpool, workerpoolprice: String(POOL_PRICE), volume: '10', category: '0', trust: '0', tag: TAG,
  }),
  request: ({ app, dataset, ready, addresses, secret }) => ({
    app, appmaxprice: '1', dataset, datasetmaxprice: '0', workerpool: ready.workerpool,
    workerpoolmaxprice: String(POOL_PRICE), volume: '1', category: '0', trust: '0', tag: TAG,
    beneficiary: addresses.requester, params: { iexec_args: '', iexec_secrets: { 1: secret } },
  }),
};

const sign = (kind, terms_) => ({
  run: 'order sign', as: ROLES[kind],
  args: async (context) => {
    const order = terms_(context);
    await context.line.edit(ROLES[kind], 'iexec.json', (project) => Object.assign(project.order[`${kind}order`], order));
    return [`--${kind}`, '--force'];
  },
  check: (answer) => assert.match(answer[`${kind}order`].sign, /^0x[0-9a-f]{130}$/),
});
const publish = (kind) => ({
  run: 'order publish', as: ROLES[kind], args: () => [`--${kind}`, '--force'],
  check: (answer, context) => {
    context[`${kind}Hash`] = answer[`${kind}order`].orderHash;
    assert.match(context[`${kind}Hash`], HASH);
  },
});
const offered = (kind) => [
  { run: 'order init', as: ROLES[kind], args: () => [`--${kind}`], check: (answer) => assert(answer[`${kind}order`].volume) },
  sign(kind, terms[kind]),
  publish(kind),
  {
    run: 'order show', as: ROLES[kind], wallet: false, args: (context) => [`--${kind}`, context[`${kind}Hash`], '--deals'],
    check: (answer, context) => {
      assert.equal(answer[`${kind}order`].orderHash, context[`${kind}Hash`]);
      assert.equal(answer[`${kind}order`].deals.count, 0);
    },
  },
];
const book = (kind, listed, args) => ({
  run: `orderbook ${listed}`, wallet: false, args,
  check: (answer, context) => {
    const hashes = answer[`${kind}Orders`].map(({ orderHash }) => orderHash);
    assert(hashes.includes(context[`${kind}Hash`]), hashes.join());
  },
});
const books = [
  book('app', 'app', ({ app }) => [app, '--require-tag', 'tee,tdx']),
  book('dataset', 'dataset', ({ dataset }) => [dataset]),
  book('workerpool', 'workerpool', () => ['--category', '0', '--tag', 'tee,tdx']),
  book('request', 'requester', ({ addresses, ready }) => [addresses.requester, '--workerpool', ready.workerpool]),
];

// A deal of two tasks with a pool that has no scheduler, in the category whose tasks are over in ten seconds.
const short = ({ workerpool, blink }) => ({ workerpool, category: blink, volume: '2' });
const abandoned = [
  sign('workerpool', (context) => ({ ...terms.workerpool(context), ...short(context), workerpoolprice: '0' })),
  publish('workerpool'),
  sign('request', (context) => ({
    ...terms.request(context), ...short(context), dataset: NOBODY, params: { iexec_args: '' },
  })),
  {
    run: 'order fill', args: ({ appHash, workerpoolHash }) => ['--app', appHash, '--workerpool', workerpoolHash, '--force'],
    check: async ({ dealid, volume }, context) => {
      assert.equal(volume, '2');
      context.abandoned = dealid;
      const { ready } = context;
      const wallet = new Wallet(account(ready, 'worker').privateKey, new JsonRpcProvider(ready.rpcUrl));
      const hub = new Contract(ready.hub, ['function initialize(bytes32, uint256) returns (bytes32)'], wallet);
      await (await hub.initialize(dealid, 0)).wait();
    },
  },
  {
    run: 'deal show', args: ({ abandoned }) => [abandoned],
    check: ({ deal }, context) => {
      context.over = Number(deal.finalTime);
      context.abandonedTask = deal.tasks[0];
      assert.equal(deal.botSize, '2');
    },
  },
];
const claims = [
  {
    run: 'task claim',
    args: async ({ ready, over, abandonedTask }) => {
      // Until the client's clock and the chain's have both passed the end.
      while (Date.now() / 1000 <= over + 1) await new Promise((later) => setTimeout(later, 250));
      await rpc(ready, 'evm_mine');
      return [abandonedTask];
    },
    check: ({ txHash }) => assert.match(txHash, HASH),
  },
  {
    run: 'deal claim', args: ({ abandoned }) => [abandoned],
    check: ({ claimed, transactions }) => assert.deepEqual([Object.keys(claimed), transactions.length], [['1'], 1]),
  },
];

const result = async (path) => entries(await readFile(path))['result.txt'].toString();
// What the application says of what it was given: see its source.
const OF_APP = 'IEXEC_APP_DEVELOPER_SECRET=of the app\nIEXEC_APP_DEVELOPER_SECRET_1=of the app\n';
const confided = ({ words }) => `${OF_APP}IEXEC_REQUESTER_SECRET_1=whispered\ndata of ${words}\n`;
const filled = [
  {
    run: 'order fill',
    args: (context) => [...Object.keys(terms).flatMap((kind) => [`--${kind}`, context[`${kind}Hash`]]), '--force'],
    check: ({ dealid, volume, txHash }, context) => {
      assert.equal(volume, '1');
      assert.match(txHash, HASH);
      context.dealid = dealid;
    },
  },
  {
    run: 'deal show', args: ({ dealid }) => [dealid, '--watch'],
    check: ({ completedTasksCount, failedTasksCount, tasks }, context) => {
      assert.deepEqual([completedTasksCount, failedTasksCount], [1, 0]);
      context.taskid = tasks[0].taskid;
    },
  },
  {
    run: 'task show', args: ({ taskid }) => [taskid, '--download', 'filled.zip'],
    check: async ({ task, resultPath }, context) => {
      assert.equal(task.status, COMPLETED);
      assert.equal(await result(resultPath), confided(context));
    },
  },
  {
    run: 'task debug', args: ({ taskid }) => [taskid, '--logs'],
    check: ({ onchainData, offchainData, appLogs }) => {
      assert.equal(onchainData.statusName, 'COMPLETED');
      assert.equal(offchainData.task.status, 'COMPLETED');
      assert.equal(appLogs.length, 1);
    },
  },
];

const ran = ({ deals, tasks, failedTasks }, context) => {
  assert.equal(failedTasks, undefined);
  assert.equal(deals.length, 1);
  assert.deepEqual(tasks.map(({ status }) => status), [COMPLETED]);
  context.taskid = tasks[0].taskid;
};
const runs = [
  {
    run: 'app run',
    args: ({ app, dataset, ready, secret }) => [
      app, '--dataset', dataset, '--workerpool', ready.workerpool, '--secret', `1=${secret}`, '--tag', 'tee,tdx',
      '--category', '0', '--encrypt-result', '--watch', '--force',
    ],
    check: ran,
  },
  {
    run: 'task show', args: ({ taskid }) => [taskid, '--download', 'decrypted.zip', '--decrypt'],
    check: async ({ resultPath }, context) => assert.equal(await result(resultPath), confided(context)),
  },
  {
    run: 'task show', args: ({ taskid }) => [taskid, '--download', 'encrypted'],
    check: async ({ resultPath }, context) => {
      context.downloaded = resultPath;
      assert.deepEqual(Object.keys(entries(await readFile(resultPath))).sort(), ['aes-key.rsa', 'iexec_out.zip.aes']);
    },
  },
  {
    run: 'result decrypt', args: ({ downloaded }) => [downloaded, '--force'],
    check: async ({ resultsPath }, context) => assert.equal(await result(resultsPath), confided(context)),
  },
  // The provider's own application, with orders made on the spot.
  { run: 'account deposit', as: 'appProvider', args: () => ['1', 'RLC'], check: ({ amount }) => assert.equal(amount, '1000000000') },
  {
    run: 'app run', as: 'appProvider', args: ({ ready, tags }) => ['--workerpool', ready.workerpool, ...tags, '--watch', '--force'],
    check: ran,
  },
  {
    run: 'task show', as: 'appProvider', args: ({ taskid }) => [taskid, '--download', 'own.zip'],
    check: async ({ resultPath }, { line, tags }) => {
      assert.equal(resultPath, join(line.folder('appProvider'), 'own.zip'));
      // Only in an enclave are there secrets.
      assert.equal(await result(resultPath), `${tags.length > 0 ? OF_APP : ''}(no dataset)\n`);
    },
  },
];

const requested = [
  {
    run: 'app request-execution',
    args: ({ app, ready, tags }) => [
      app, '--workerpool', ready.workerpool, '--app-price', '1', '--workerpool-price', '1', '--args', 'later', '--category', '1', ...tags, '--force',
    ],
    check: ({ orderHash }, context) => {
      context.requestHash = orderHash;
      assert.match(orderHash, HASH);
    },
  },
  books.at(-1),
  {
    run: 'order unpublish', args: ({ requestHash }) => ['--request', requestHash, '--force'],
    check: ({ requestorder }, { requestHash }) => assert.equal(requestorder.orderHash, requestHash),
  },
];
// The last order of each kind lies in the folder of whoever signed it.
const endings = (kind) => [
  ...(kind === 'request' ? [] : [{
    run: 'order unpublish', as: ROLES[kind], args: (context) => [`--${kind}`, context[`${kind}Hash`], '--force'],
    check: (answer, context) => assert.equal(answer[`${kind}order`].orderHash, context[`${kind}Hash`]),
  }]),
  {
    run: 'order cancel', as: ROLES[kind], args: () => [`--${kind}`, '--force'],
    check: (answer) => assert.match(answer[`${kind}order`].txHash, HASH),
  },
];

// From offers to downloaded results.
export const business = [...Object.keys(terms).flatMap(offered), ...filled, ...runs];

export const trade = [
  ...Object.keys(terms).flatMap(offered),
  ...books,
  ...filled,
  ...runs,
  ...requested,
  ...endings('workerpool'),
  ...abandoned,
  ...endings('app'),
  ...endings('dataset'),
  sign('request', terms.request),
  ...endings('request'),
  ...claims,
];
