// wallet, account, category, app, dataset, workerpool, and what the secret service keeps.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { Wallet } from 'ethers';

const HASH = /^0x[0-9a-f]{64}$/;
const sent = ({ txHash }) => assert.match(txHash, HASH);
const sha256 = (bytes) => `0x${createHash('sha256').update(bytes).digest('hex')}`;
const NEVER = { wallet: false };

const wallets = [
  {
    run: 'info', ...NEVER,
    check: ({ hubAddress, rlcAddress }, { ready }) => assert.deepEqual([hubAddress, rlcAddress], [ready.hub, ready.rlc]),
  },
  { run: 'wallet create', as: 'made', check: ({ address, fileName }) => assert(fileName.includes(address.slice(2))) },
  {
    run: 'wallet import', as: 'fresh',
    args: (context) => {
      context.fresh = Wallet.createRandom();
      return [context.fresh.privateKey];
    },
    check: ({ address }, { fresh }) => assert.equal(address, fresh.address),
  },
  { run: 'wallet send-ether', args: ({ fresh }) => ['2', '--to', fresh.address, '--force'], check: sent },
  { run: 'wallet send-RLC', args: ({ fresh }) => ['7', 'nRLC', '--to', fresh.address, '--force'], check: sent },
  {
    run: 'wallet show', args: ({ fresh }) => [fresh.address],
    check: ({ balance }) => assert.deepEqual([balance.ether, balance.nRLC], ['2.0', '7']),
  },
  {
    run: 'wallet sweep', as: 'fresh', args: ({ addresses }) => ['--to', addresses.requester, '--force'],
    check: (answer) => assert.match(answer.sendERC20TxHash, HASH, JSON.stringify(answer)),
  },
];

const accounts = [
  { run: 'account deposit', args: () => ['20', 'RLC'], check: ({ amount }) => assert.equal(amount, '20000000000') },
  { run: 'account withdraw', args: () => ['5'], check: ({ amount }) => assert.equal(amount, '5') },
  { run: 'account show', check: ({ balance }) => assert(BigInt(balance.stake) >= 19_999_999_995n, balance.stake) },
  { run: 'account approve', args: ({ addresses }) => ['9', addresses.deployer], check: sent },
  {
    run: 'account allowance', args: ({ addresses }) => [addresses.deployer],
    check: ({ amount }) => assert.equal(Number(amount), 9),
  },
  { run: 'account revoke', args: ({ addresses }) => [addresses.deployer], check: sent },
];

const categories = [
  { run: 'category init', as: 'deployer', ...NEVER, check: ({ category }) => assert(category.name) },
  {
    run: 'category create', as: 'deployer',
    args: async ({ line, words }) => {
      // Tasks of it are over in ten seconds.
      const category = { name: words, description: 'a short one', workClockTimeRef: '1' };
      await line.edit('deployer', 'iexec.json', (project) => Object.assign(project, { category }));
      return [];
    },
    check: ({ catid }, context) => {
      context.blink = catid;
    },
  },
  {
    run: 'category show', args: ({ blink }) => [blink], ...NEVER,
    check: ({ category }, { words }) => assert.equal(category.name, words),
  },
  { run: 'category count', ...NEVER, check: ({ count }, { blink }) => assert.equal(Number(count), Number(blink) + 1) },
];

// What the three kinds of resources have in common.
const resource = (kind, as, listing, secret = []) => [
  { run: `${kind} init`, as, args: kind === 'dataset' ? () => ['--encrypted'] : undefined,
    check: (answer) => assert(answer[kind].owner) },
  ...(kind === 'dataset' ? encryption : []),
  {
    run: `${kind} deploy`, as,
    args: async (context) => {
      const listed = await listing(context);
      await context.line.edit(as, 'iexec.json', (project) => Object.assign(project[kind], listed));
      return [];
    },
    check: ({ address }, context) => {
      context[kind] = address;
    },
  },
  {
    run: `${kind} show`, as, args: (context) => [context[kind]],
    check: (answer, context) => {
      assert.equal(answer[kind].owner, context.addresses[as]);
      assert.equal(answer.address ?? context[kind], context[kind]);
    },
  },
  { run: `${kind} count`, as, check: ({ count }, context) => assert((context[`${kind}s`] = Number(count)) >= 1) },
  {
    run: `${kind} show`, as, args: (context) => [String(context[`${kind}s`] - 1)],
    check: ({ address }, context) => assert.equal(address, context[kind]),
  },
  ...secret,
  {
    run: `${kind} publish`, as,
    args: (context) => ['--price', '3', '--volume', '5', ...context.tags, '--force', ...also(kind, context)],
    check: ({ orderHash }, context) => {
      assert.match(orderHash, HASH);
      context.published = orderHash;
    },
  },
  {
    run: `${kind} unpublish`, as, args: () => ['--all', '--force'],
    check: ({ unpublished }, { published }) => assert.deepEqual(unpublished, [published]),
  },
];
const also = (kind, { blink }) => (kind === 'workerpool' ? ['--category', blink, '--trust', '0'] : []);

const encryption = [
  {
    run: 'dataset encrypt', as: 'datasetProvider', ...NEVER,
    args: async ({ line, words }) => {
      await writeFile(join(line.folder('datasetProvider'), 'datasets/original/data.txt'), `data of ${words}\n`);
      return [];
    },
    check: ({ encryptedFiles: [file] }, context) => {
      context.encrypted = file;
    },
  },
];

const listings = {
  app: async ({ upload, words }) => {
    const module = await readFile(new URL('../../fixtures/confidential.wasm', import.meta.url));
    return { name: words, type: 'DOCKER', multiaddr: `/ipfs/${await upload(module)}`, checksum: sha256(module) };
  },
  dataset: async ({ upload, words, encrypted }) => {
    const bytes = await readFile(encrypted.encrypted);
    assert.equal(encrypted.checksum, sha256(bytes));
    return { name: words, multiaddr: `/ipfs/${await upload(bytes)}`, checksum: encrypted.checksum };
  },
  workerpool: ({ words }) => ({ description: words }),
};

const appSecret = [
  { run: 'app check-secret', as: 'appProvider', ...NEVER, args: ({ app }) => [app],
    check: ({ isSecretSet }) => assert.equal(isSecretSet, false) },
  { run: 'app push-secret', as: 'appProvider', args: ({ app }) => [app, '--secret-value', 'of the app'], check: () => {} },
  { run: 'app check-secret', as: 'appProvider', ...NEVER, args: ({ app }) => [app],
    check: ({ isSecretSet }) => assert.equal(isSecretSet, true) },
];

const datasetSecret = [
  { run: 'dataset check-secret', as: 'datasetProvider', ...NEVER, args: ({ dataset }) => [dataset],
    check: ({ isSecretSet }) => assert.equal(isSecretSet, false) },
  { run: 'dataset push-secret', as: 'datasetProvider', args: ({ dataset, encrypted }) => [dataset, '--secret-path', encrypted.key],
    check: () => {} },
  { run: 'dataset check-secret', as: 'datasetProvider', ...NEVER, args: ({ dataset }) => [dataset],
    check: ({ isSecretSet }) => assert.equal(isSecretSet, true) },
];

const secrets = [
  { run: 'requester push-secret', args: ({ secret }) => [secret, '--secret-value', 'whispered'],
    check: ({ isPushed }) => assert.equal(isPushed, true) },
  { run: 'requester check-secret', args: ({ secret }) => [secret], check: ({ isSet }) => assert.equal(isSet, true) },
  { run: 'result generate-encryption-keypair', args: () => ['--force'], check: ({ publicKeyFile }) => assert(publicKeyFile) },
  { run: 'result push-encryption-key', args: () => ['--force-update'],
    check: ({ isPushed }) => assert.equal(isPushed, true) },
  { run: 'result check-encryption-key', check: ({ isEncryptionKeySet }) => assert.equal(isEncryptionKeySet, true) },
  { run: 'storage init', args: () => ['dropbox', '--token', 'a token', '--force-update'],
    check: ({ isInitialized }) => assert.equal(isInitialized, true) },
  { run: 'storage check', args: () => ['dropbox'], check: ({ isInitialized }) => assert.equal(isInitialized, true) },
];

const pool = [
  {
    run: 'workerpool show', as: 'workerpoolOwner', args: ({ ready }) => [ready.workerpool],
    check: ({ apiUrl }, { ready }) => assert.equal(new URL(apiUrl).origin, new URL(ready.workerpoolApiUrl).origin),
  },
];

// What an application needs to run with a dataset and secrets.
export const essentials = [
  ...accounts.slice(0, 1),
  ...resource('app', 'appProvider', listings.app, appSecret),
  ...resource('dataset', 'datasetProvider', listings.dataset, datasetSecret),
  ...secrets,
];

export const resources = [
  ...wallets,
  ...accounts,
  ...categories,
  ...resource('app', 'appProvider', listings.app, appSecret),
  ...resource('dataset', 'datasetProvider', listings.dataset, datasetSecret),
  ...resource('workerpool', 'workerpoolOwner', listings.workerpool),
  ...pool,
  ...secrets,
];

// At the end, when nobody needs the owner any more.
export const transfers = ['app', 'dataset', 'workerpool'].map((kind) => ({
  run: `${kind} transfer`,
  as: { app: 'appProvider', dataset: 'datasetProvider', workerpool: 'workerpoolOwner' }[kind],
  args: (context) => [context[kind], '--to', context.addresses.deployer, '--force'],
  check: ({ address, to }, context) => assert.deepEqual([address, to], [context[kind], context.addresses.deployer]),
}));
