// DataProtector's core: data is protected, granted, found, processed in an enclave, and revoked: `node dataprotector.mjs`.
import { strangers } from './lib/alone.mjs';

import assert from 'node:assert/strict';

import { account, library, network } from './lib/network.mjs';
import { confidentialApp, protector } from './lib/protection.mjs';
import { done, refused, step } from './lib/steps.mjs';

const POOL_PRICE_MAX = 1_000_000_000;
const DEPOSIT = 100_000_000_000;
const ready = await network();
const client = await library('9.0.1', ready);
const [owner, requester] = ['datasetProvider', 'requester'].map((role) => account(ready, role).address);
const [keeper, buyer] = ['datasetProvider', 'requester'].map((role) => protector(ready, role));
const words = `protected-${process.pid}-${Date.now()}`;
const text = (buffer) => Buffer.from(buffer).toString();

const app = await step('an application', () => confidentialApp(ready, client, 'protected', words));
const contents = (n) => ({
  email: `alice${n}@example.org`,
  profile: { name: `Alice ${n}`, age: 41, member: true },
  photo: Uint8Array.from(Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex')),
  balance: -170_141_183_460_469_231_731_687_303_715_884_105_728n,
});
const SCHEMA = {
  email: 'string', profile: { name: 'string', age: 'f64', member: 'bool' }, photo: 'image/png', balance: 'i128',
};

const data = await step('protectData', async () => {
  const told = [];
  const made = await keeper.protectData({ name: words, data: contents(1), onStatusUpdate: ({ title }) => told.push(title) });
  assert.equal(made.owner, owner);
  assert.deepEqual(made.schema, SCHEMA);
  assert.equal(told.at(-1), 'PUSH_SECRET_TO_SMS');
  return made;
});
const address = data.address.toLowerCase();

await step('getProtectedData', async () => {
  const only = async (query) => (await buyer.getProtectedData(query)).filter((found) => found.name === words);
  const [found, ...others] = await only({ protectedDataAddress: data.address });
  assert.deepEqual(others, []);
  assert.deepEqual(found, {
    name: words, address, owner: owner.toLowerCase(), schema: SCHEMA,
    creationTimestamp: data.creationTimestamp, multiaddr: data.multiaddr,
  });
  const createdAfterTimestamp = data.creationTimestamp;
  for (const query of [
    {}, { owner }, { createdAfterTimestamp }, { requiredSchema: SCHEMA },
    { requiredSchema: { email: 'string', profile: { age: ['i128', 'f64'] } } },
  ]) assert.deepEqual((await only(query)).map((one) => one.address), [address], JSON.stringify(query));
  for (const query of [
    { owner: requester }, { createdAfterTimestamp: createdAfterTimestamp + 1 },
    { requiredSchema: { email: 'bool' } }, { requiredSchema: { profile: { age: ['i128', 'bool'] } } },
    { protectedDataAddress: app },
  ]) assert.deepEqual(await only(query), [], JSON.stringify(query));
});

const process_ = (more) => buyer.processProtectedData({
  protectedData: data.address, app, workerpool: ready.workerpool, workerpoolMaxPrice: POOL_PRICE_MAX,
  path: 'result.txt', ...more,
});
const cause = (words) => (action) => refused(action, words);
await step('nobody processes what is not granted', () => cause(/No Dataset order found/)(() => process_({})));

const access = await step('grantAccess', async () => {
  const granted = await keeper.grantAccess({
    protectedData: data.address, authorizedApp: app, authorizedUser: requester, numberOfAccess: 3,
  });
  assert.equal(granted.dataset.toLowerCase(), address);
  assert.equal(granted.remainingAccess, 3);
  return granted;
});
await step('grantAccess twice', () =>
  cause(/already granted/)(() => keeper.grantAccess({
    protectedData: data.address, authorizedApp: app, authorizedUser: requester, numberOfAccess: 3,
  })));
const granted = async (query = {}) => (await buyer.getGrantedAccess({ protectedData: data.address, ...query })).grantedAccess;
await step('getGrantedAccess', async () => {
  assert.deepEqual(await granted(), [access]);
  assert.deepEqual(await granted({ authorizedApp: app, authorizedUser: requester, isUserStrict: true }), [access]);
  assert.deepEqual(await granted({ authorizedUser: owner }), []);
  assert.deepEqual(await granted({ bulkOnly: true }), []);
});
await step('a stranger cannot grant', () =>
  cause(/must be the resource owner/)(() => buyer.grantAccess({ protectedData: data.address, authorizedApp: app, authorizedUser: owner })));

await step('account.deposit', () => client.open('requester').account.deposit(DEPOSIT));
await step('processProtectedData', async () => {
  const { result, taskId } = await process_({
    args: 'email profile/name profile/none', secrets: { 1: 'whispered' },
  });
  assert.match(taskId, /^0x[0-9a-f]{64}$/);
  const [email, name] = [contents(1).email, contents(1).profile.name];
  assert.equal(
    text(result),
    `email: ${email}\nprofile/name: ${name}\nprofile/none: not a text of this dataset\nsecret 1: whispered\n`,
  );
});
await step('processProtectedData with an encrypted result', async () => {
  const { result, pemPrivateKey } = await process_({ args: 'email', encryptResult: true });
  assert.match(pemPrivateKey, /PRIVATE KEY/);
  assert.equal(text(result), `email: ${contents(1).email}\n`);
});
await step('what is left of the access', async () => {
  const [left] = await granted();
  assert.equal(left.remainingAccess, 1);
});

await step('revokeOneAccess', async () => {
  const { txHash } = await keeper.revokeOneAccess(access);
  assert.match(txHash, /^0x[0-9a-f]{64}$/);
  assert.deepEqual(await granted(), []);
});
await step('nobody processes what is revoked', () => cause(/No Dataset order found/)(() => process_({})));

const bulk = await step('grantAccess for bulks', async () => {
  const accesses = [];
  for (const n of [2, 3]) {
    const { address: protectedData } = await keeper.protectData({ name: `${words}-${n}`, data: contents(n) });
    await keeper.grantAccess({ protectedData, authorizedApp: app, allowBulk: true });
    const { grantedAccess } = await buyer.getGrantedAccess({ protectedData, bulkOnly: true });
    assert.equal(grantedAccess.length, 1);
    accesses.push(...grantedAccess);
  }
  return accesses;
});
const request = await step('prepareBulkRequest', async () => {
  const { bulkRequest } = await buyer.prepareBulkRequest({
    bulkAccesses: bulk, app, args: 'email', workerpool: ready.workerpool,
    workerpoolMaxPrice: POOL_PRICE_MAX, maxProtectedDataPerTask: 1,
  });
  assert.equal(bulkRequest.volume, '2');
  return bulkRequest;
});
await step('processBulkRequest', async () => {
  const { tasks } = await buyer.processBulkRequest({
    bulkRequest: request, workerpool: ready.workerpool, waitForResult: true, path: 'result.txt',
  });
  assert.deepEqual(tasks.map(({ status, error }) => [status, error]), [['COMPLETED', undefined], ['COMPLETED', undefined]]);
  assert.deepEqual(tasks.map(({ result }) => text(result)), [2, 3].map((n) => `email: ${contents(n).email}\n`));
});
await step('inspectBulkRequest', async () => {
  const inspected = await buyer.inspectBulkRequest({ bulkRequest: request, detailed: true });
  assert.equal(inspected.bulkStatus, 'FINISHED');
  assert.equal(inspected.tasksCompletedCount, 2);
  const addresses = inspected.tasks.map(({ protectedDataAddresses }) => protectedDataAddresses);
  assert.deepEqual(addresses, bulk.map(({ dataset }) => [dataset.toLowerCase()]));
});

await step('revokeAllAccess', async () => {
  const [{ dataset: protectedData }] = bulk;
  const revoked = await keeper.revokeAllAccess({ protectedData });
  assert.equal(revoked.length, 1);
  assert.deepEqual((await keeper.getGrantedAccess({ protectedData })).grantedAccess, []);
});
await step('transferOwnership', async () => {
  await keeper.transferOwnership({ protectedData: data.address, newOwner: requester });
  const [found] = await buyer.getProtectedData({ protectedDataAddress: data.address });
  assert.equal(found.owner, requester.toLowerCase());
});
// Of all public services only one is asked, with the encrypted bulk, and its absence does no harm.
await step('nothing else left this machine', () => assert.deepEqual([...strangers], ['ipfs.thegraph.com']));
done({ app, data: data.address });
