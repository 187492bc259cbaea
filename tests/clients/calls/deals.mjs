// deal, task: what became of the match, and of a deal that nobody serves.
import assert from 'node:assert/strict';

import { Contract, JsonRpcProvider, Wallet } from 'ethers';

import { account, rpc } from '../lib/network.mjs';
import { observed } from '../lib/steps.mjs';
import { entries } from '../lib/zip.mjs';
import { signed } from './orders.mjs';

const found = ({ count, deals }, { dealid }) => {
  assert(count >= 1);
  assert(deals.some((deal) => deal.dealid === dealid), 'the deal is listed');
};
// Without a compass nobody tells where the pool answers.
const missing = ({ ready }) => ready.compassUrl === undefined;

const served = [
  {
    method: 'deal.show',
    args: ({ dealid }) => [dealid],
    check: (deal, context) => {
      assert.equal(deal.app.pointer, context.app);
      assert.equal(deal.requester, context.addresses.requester);
      assert.equal(Object.keys(deal.tasks).length, 1);
      context.taskid = deal.tasks[0];
    },
  },
  {
    method: 'deal.computeTaskId',
    args: ({ dealid }) => [dealid, 0],
    check: (taskid, context) => assert.equal(taskid, context.taskid),
  },
  { method: 'deal.fetchRequesterDeals', args: ({ addresses, app }) => [addresses.requester, { appAddress: app }], check: found },
  { method: 'deal.fetchDealsByApporder', args: ({ appHash }) => [appHash], check: found },
  { method: 'deal.fetchDealsByWorkerpoolorder', args: ({ workerpoolHash }) => [workerpoolHash], check: found },
  { method: 'deal.fetchDealsByRequestorder', args: ({ requestHash }) => [requestHash], check: found },
  {
    method: 'deal.fetchDealsByDatasetorder',
    args: ({ datasetHash }) => [datasetHash],
    check: ({ count, deals }) => assert.deepEqual([count, deals], [0, []]),
  },
  {
    method: 'deal.obsDeal',
    args: ({ dealid }) => [dealid],
    check: async (observable) => {
      const last = (await observed(observable)).at(-1);
      assert.deepEqual([last.message, last.completedTasksCount], ['DEAL_COMPLETED', 1]);
    },
  },
  {
    method: 'task.obsTask',
    args: ({ taskid, dealid }) => [taskid, { dealid }],
    check: async (observable) => assert.equal((await observed(observable)).at(-1).message, 'TASK_COMPLETED'),
  },
  {
    method: 'task.show',
    args: ({ taskid }) => [taskid],
    check: ({ statusName, results }) => assert.deepEqual([statusName, results.storage], ['COMPLETED', 'ipfs']),
  },
  {
    method: 'task.fetchResults',
    args: ({ taskid }) => [taskid],
    check: async (response, { words }) => {
      const files = entries(await response.arrayBuffer());
      assert.equal(files['result.txt'].toString(), `hello ${words}\n`);
    },
  },
  {
    method: 'task.fetchOffchainInfo', missing,
    args: ({ taskid }) => [taskid],
    check: ({ task, replicates }) => {
      assert.equal(task.status, 'COMPLETED');
      assert.deepEqual(replicates.map(({ exitCode }) => exitCode), [0]);
    },
  },
  {
    method: 'task.fetchLogs', missing,
    args: ({ taskid }) => [taskid],
    check: (logs) => assert.equal(logs.length, 1),
  },
];

// A deal of two tasks with the pool that has no scheduler, in the category that is over in ten seconds.
async function abandoned(context) {
  const pool = { workerpool: context.workerpool, category: context.blink, volume: 2 };
  const orders = {
    apporder: context.appOrder,
    workerpoolorder: await signed('workerpool', context, { ...pool, workerpoolprice: 0 }),
    requestorder: await signed('request', context, { ...pool, workerpoolmaxprice: 0 }),
  };
  const { dealid } = await context.clients.requester.order.matchOrders(orders, context.preflight);
  const deal = await context.clients.requester.deal.show(dealid);
  const wallet = new Wallet(account(context.ready, 'worker').privateKey, new JsonRpcProvider(context.ready.rpcUrl));
  const hub = new Contract(context.ready.hub, ['function initialize(bytes32, uint256) returns (bytes32)'], wallet);
  await (await hub.initialize(dealid, 0)).wait();
  return { dealid, taskid: deal.tasks[0], over: deal.finalTime.toNumber() };
}

// Until the client's clock and the chain's have both passed the end.
async function isOver({ ready, abandoned: { over } }) {
  while (Date.now() / 1000 <= over + 1) await new Promise((later) => setTimeout(later, 250));
  await rpc(ready, 'evm_mine');
}

const claims = [
  {
    method: 'task.claim',
    args: async (context) => {
      context.abandoned = await abandoned(context);
      await isOver(context);
      return [context.abandoned.taskid];
    },
    check: (txHash) => assert.match(txHash, /^0x[0-9a-f]{64}$/),
  },
  {
    method: 'deal.claim',
    args: (context) => [context.abandoned.dealid],
    check: ({ transactions, claimed }) => assert.deepEqual([transactions.length, Object.keys(claimed)], [1, ['1']]),
  },
];

export const deals = [...served, ...claims];
