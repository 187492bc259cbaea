// order, orderbook: every form of each of the four kinds.
import assert from 'node:assert/strict';

const ROLES = { app: 'appProvider', dataset: 'datasetProvider', workerpool: 'workerpoolOwner', request: 'requester' };
const HASH = /^0x[0-9a-f]{64}$/;
const upper = (text) => text[0].toUpperCase() + text.slice(1);

const terms = {
  app: ({ app }) => ({ app, appprice: 3, volume: 100 }),
  dataset: ({ dataset }) => ({ dataset, datasetprice: 2, volume: 100 }),
  workerpool: ({ ready }) => ({ workerpool: ready.workerpool, workerpoolprice: 5, category: 0, volume: 100 }),
  request: ({ app, ready, words }) => ({
    app, workerpool: ready.workerpool, category: 0, appmaxprice: 3, workerpoolmaxprice: 5, volume: 1,
    params: { iexec_args: words },
  }),
};
// Under which address an order stands in the books.
const whose = {
  app: ({ app }) => ['app', app],
  dataset: ({ dataset }) => ['dataset', dataset],
  workerpool: ({ ready }) => ['workerpool', ready.workerpool],
  request: ({ addresses }) => ['requester', addresses.requester],
};
// Orders for workerpools know of no preflight check.
const options = (kind, { preflight }) => (kind === 'workerpool' ? [] : [preflight]);

export async function signed(kind, context, more = {}) {
  const { order } = context.clients[ROLES[kind]];
  const created = await order[`create${upper(kind)}order`]({ ...terms[kind](context), ...more });
  return order[`sign${upper(kind)}order`](created, ...options(kind, context));
}

async function published(kind, context) {
  const order = await signed(kind, context);
  return context.clients[ROLES[kind]].order[`publish${upper(kind)}order`](order, ...options(kind, context));
}

const life = (kind) => {
  const as = ROLES[kind];
  const Kind = upper(kind);
  const [created, hash, order] = ['Created', 'Hash', 'Order'].map((part) => `${kind}${part}`);
  return [
    {
      method: `order.create${Kind}order`, as,
      args: (context) => [terms[kind](context)],
      check: (made, context) => {
        assert.equal(String(made.volume), String(terms[kind](context).volume));
        assert.equal(BigInt(made.tag), context.tag);
        context[created] = made;
      },
    },
    {
      method: `order.sign${Kind}order`, as,
      args: (context) => [context[created], ...options(kind, context)],
      check: (made, context) => {
        assert.match(made.sign, /^0x[0-9a-f]{130}$/);
        assert.match(made.salt, HASH);
        context[order] = made;
      },
    },
    {
      method: `order.hash${Kind}order`, as,
      args: (context) => [context[order]],
      check: (made, context) => {
        assert.match(made, HASH);
        context[hash] = made;
      },
    },
    {
      method: `order.publish${Kind}order`, as,
      args: (context) => [context[order], ...options(kind, context)],
      check: (made, context) => assert.equal(made, context[hash]),
    },
    {
      method: `orderbook.fetch${Kind}order`,
      args: (context) => [context[hash]],
      check: (found, context) => {
        assert.equal(found.status, 'open');
        assert.equal(found.signer, context.addresses[as]);
        assert.equal(found.order.sign, context[order].sign);
        assert.equal(String(found.remaining), String(terms[kind](context).volume));
      },
    },
    {
      method: `orderbook.fetch${Kind}Orderbook`,
      args: (context) => {
        const [field, address] = whose[kind](context);
        return [{ [field]: address, pageSize: 100, ...(kind === 'request' && { workerpool: 'any' }) }];
      },
      check: ({ count, orders }, context) => {
        assert(count >= 1);
        assert(orders.some(({ orderHash }) => orderHash === context[hash]), 'the order is in the book');
      },
    },
  ];
};

// Orders of their own, taken back in every way and closed on chain.
const end = (kind) => {
  const as = ROLES[kind];
  const Kind = upper(kind);
  const resource = (context) => (kind === 'request' ? [] : [whose[kind](context)[1]]);
  const publish = (times, args) => async (context) => {
    for (let time = 0; time < times; time += 1) context.taken = await published(kind, context);
    return args(context);
  };
  const isTaken = (hash, { taken }) => assert.equal(hash, taken);
  return [
    { method: `order.unpublish${Kind}order`, as, args: publish(1, ({ taken }) => [taken]), check: isTaken },
    { method: `order.unpublishLast${Kind}order`, as, args: publish(2, resource), check: isTaken },
    {
      method: `order.unpublishAll${Kind}orders`, as,
      args: publish(1, resource),
      check: (hashes, { taken }) => assert(hashes.includes(taken) && hashes.length >= 2, hashes.join()),
    },
    {
      method: `order.cancel${Kind}order`, as,
      args: async (context) => [await signed(kind, context)],
      check: ({ txHash }) => assert.match(txHash, HASH),
    },
  ];
};

const matched = ({ appOrder, workerpoolOrder, requestOrder }) => ({
  apporder: appOrder, workerpoolorder: workerpoolOrder, requestorder: requestOrder,
});
const match = [
  {
    method: 'order.estimateMatchOrders',
    args: (context) => [matched(context)],
    check: ({ volume, total }) => assert.equal(`${volume}/${total}`, '1/8'),
  },
  {
    method: 'order.matchOrders',
    args: (context) => [matched(context), context.preflight],
    check: ({ dealid, volume, txHash }, context) => {
      assert.match(dealid, HASH);
      assert.match(txHash, HASH);
      assert.equal(String(volume), '1');
      context.dealid = dealid;
    },
  },
  {
    method: 'order.prepareDatasetBulk',
    args: async (context) => {
      const bulk = { datasetprice: 0, volume: context.utils.DATASET_INFINITE_VOLUME };
      return [[await signed('dataset', context, bulk)]];
    },
    check: async ({ cid, volume }, { ready }) => {
      assert.equal(volume, 1);
      const content = async (cid) => (await fetch(`${ready.ipfsGatewayUrl}/ipfs/${cid}`)).json();
      const slices = await content(cid);
      assert.equal(slices.length, 1);
      const [order] = await content(slices[0]);
      assert.equal(order.datasetprice, '0');
    },
  },
];

const kinds = Object.keys(ROLES);
export const orders = [...kinds.flatMap(life), ...match];
// Requests first: without orders for its app a request cannot be published.
export const endings = kinds.toReversed().flatMap(end);
