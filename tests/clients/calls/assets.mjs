// app, dataset, workerpool.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';

const OF = {
  app: { plural: 'Apps', role: 'appProvider', name: 'appName' },
  dataset: { plural: 'Datasets', role: 'datasetProvider', name: 'datasetName' },
  workerpool: { plural: 'Workerpools', role: 'workerpoolOwner', name: 'workerpoolDescription' },
};
const upper = (text) => text[0].toUpperCase() + text.slice(1);
const is = (expected) => (there) => assert.equal(there, expected);

const listing = {
  app: ({ addresses, unique, cid, module }) => ({
    owner: addresses.appProvider,
    name: unique('app'),
    type: 'DOCKER',
    multiaddr: `/ipfs/${cid}`,
    checksum: `0x${createHash('sha256').update(module).digest('hex')}`,
  }),
  dataset: ({ addresses, unique, datasetCid, encryptedChecksum }) => ({
    owner: addresses.datasetProvider,
    name: unique('dataset'),
    multiaddr: `/ipfs/${datasetCid}`,
    checksum: encryptedChecksum,
  }),
  workerpool: ({ addresses, unique }) => ({ owner: addresses.workerpoolOwner, description: unique('pool') }),
};

const local = [
  {
    method: 'dataset.generateEncryptionKey',
    as: 'datasetProvider',
    check: (key, context) => {
      assert.equal(Buffer.from(key, 'base64').length, 32);
      context.datasetKey = key;
    },
  },
  {
    method: 'dataset.encrypt',
    as: 'datasetProvider',
    args: ({ datasetKey }) => [Buffer.from('a secret\n'), datasetKey],
    check: async (encrypted, context) => {
      // The IV, then one padded block.
      assert.equal(encrypted.length, 32);
      context.encrypted = encrypted;
      context.datasetCid = await context.upload(encrypted);
    },
  },
  {
    method: 'dataset.computeEncryptedFileChecksum',
    as: 'datasetProvider',
    args: ({ encrypted }) => [encrypted],
    check: (checksum, context) => {
      assert.equal(checksum, `0x${createHash('sha256').update(context.encrypted).digest('hex')}`);
      context.encryptedChecksum = checksum;
    },
  },
];

// The life of an asset of one kind; the first one deployed stays for the orders.
const life = (kind) => {
  const { plural, role, name } = OF[kind];
  const Kind = upper(kind);
  const [listed, predicted] = [`${kind}Listing`, `${kind}Predicted`];
  return [
    {
      method: `${kind}.predict${Kind}Address`,
      as: role,
      args: (context) => {
        context[listed] = listing[kind](context);
        return [context[listed]];
      },
      check: (address, context) => {
        context[predicted] = address;
      },
    },
    { method: `${kind}.checkDeployed${Kind}`, args: (context) => [context[predicted]], check: is(false) },
    {
      method: `${kind}.deploy${Kind}`,
      as: role,
      args: (context) => [context[listed]],
      check: ({ address }, context) => {
        assert.equal(address, context[predicted]);
        context[kind] = address;
      },
    },
    { method: `${kind}.checkDeployed${Kind}`, args: (context) => [context[kind]], check: is(true) },
    {
      method: `${kind}.show${Kind}`,
      args: (context) => [context[kind]],
      check: (shown, context) => {
        assert.equal(shown.objAddress, context[kind]);
        assert.equal(shown[kind].owner, context.addresses[role]);
        assert.equal(shown[kind][name], context[listed].name ?? context[listed].description);
      },
    },
    {
      method: `${kind}.countUser${plural}`,
      args: ({ addresses }) => [addresses[role]],
      check: (count, context) => {
        context.count = Number(count);
        assert(context.count >= 1);
      },
    },
    {
      method: `${kind}.showUser${Kind}`,
      args: ({ addresses, count }) => [count - 1, addresses[role]],
      check: ({ objAddress }, context) => assert.equal(objAddress, context[kind]),
    },
    {
      method: `${kind}.transfer${Kind}`,
      as: role,
      args: async (context) => {
        const { address } = await context.clients[role][kind][`deploy${Kind}`](listing[kind](context));
        context.given = address;
        return [address, context.addresses.requester];
      },
      check: ({ address, to }, { given, addresses }) => assert.deepEqual([address, to], [given, addresses.requester]),
    },
  ];
};

const missing = ({ ready }) => ready.smsUrl === undefined;
const withoutCompass = ({ ready }) => ready.compassUrl === undefined;

const kept = [
  { method: 'app.checkAppSecretExists', missing, args: ({ app }) => [app], check: is(false) },
  { method: 'app.pushAppSecret', missing, as: 'appProvider', args: ({ app }) => [app, 'the app knows'], check: is(true) },
  { method: 'dataset.checkDatasetSecretExists', missing, args: ({ dataset }) => [dataset], check: is(false) },
  {
    method: 'dataset.pushDatasetSecret', missing, as: 'datasetProvider',
    args: ({ dataset, datasetKey }) => [dataset, datasetKey], check: is(true),
  },
  { method: 'dataset.checkDatasetSecretExists', missing, args: ({ dataset }) => [dataset], check: is(true) },
  {
    method: 'workerpool.getWorkerpoolApiUrl', missing: withoutCompass,
    args: ({ ready }) => [ready.workerpool],
    check: (url, { ready }) => assert.equal(url, ready.workerpoolApiUrl),
  },
  {
    method: 'workerpool.getWorkerpoolApiUrl', missing: withoutCompass,
    args: ({ workerpool }) => [workerpool], check: is(undefined),
  },
];

export const assets = [...local, ...life('app'), ...life('dataset'), ...life('workerpool'), ...kept];
