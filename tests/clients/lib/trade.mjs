// One way from signed orders to a result, between people who have wallets of their own: programs that run at once do not
// take each other's nonces.
import assert from 'node:assert/strict';
import { createDecipheriv, createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import { Wallet } from 'ethers';

import { forgetful, library, network, upload } from './network.mjs';
import { witness } from './steps.mjs';
import { entries } from './zip.mjs';

const WEI = '1000000000000000000';
const [COMPLETED, FAILED] = [3, 4];
const TEE_TDX = ['tee', 'tdx'];
const POLL_MS = 250;
const WITNESS_MS_MAX = 5_000;

export async function trade(version) {
  const ready = await network();
  const client = await library(version, ready);
  const words = `${version}-${process.pid}-${Date.now()}`;
  return {
    ready,
    client,
    version,
    // This version knows nothing but orders for enclaves.
    standard: client.enclaves ? TEE_TDX : [],
    enclave: TEE_TDX,
    provider: forgetful(ready),
    bank: client.open('worker', client.bank),
    pool: client.open('workerpoolOwner'),
    words: (name) => `${name} ${words}`,
    module: await readFile(new URL('../../fixtures/confidential.wasm', import.meta.url)),
  };
}

export const sha256 = (bytes) => `0x${createHash('sha256').update(bytes).digest('hex')}`;

// Somebody with ether for gas, and with that much RLC in the hub.
export async function person(world, { deposit = 0 } = {}) {
  const { privateKey, address } = Wallet.createRandom();
  await world.bank.wallet.sendETH(WEI, address);
  const iexec = world.client.withKey(privateKey);
  if (deposit > 0) {
    await world.bank.wallet.sendRLC(deposit, address);
    await iexec.account.deposit(deposit);
  }
  return { iexec, address, wallet: new Wallet(privateKey, world.provider) };
}

// Registers the module as an app of `owner`.
export async function app(world, owner) {
  const { module, ready } = world;
  const { address } = await owner.iexec.app.deployApp({
    owner: owner.address,
    name: world.words('app'),
    type: 'DOCKER',
    multiaddr: `/ipfs/${await upload(ready, module)}`,
    checksum: sha256(module),
  });
  return address;
}

// Encrypts a text with a key of its own and registers it as a dataset of `owner`, whose key the secret service gets.
export async function dataset(world, owner, text, isKeyWrong = false) {
  const { iexec, address } = owner;
  const key = iexec.dataset.generateEncryptionKey();
  const encrypted = await iexec.dataset.encrypt(Buffer.from(text), key);
  const deployed = await iexec.dataset.deployDataset({
    owner: address,
    name: world.words('dataset'),
    multiaddr: `/ipfs/${await upload(world.ready, encrypted)}`,
    checksum: await iexec.dataset.computeEncryptedFileChecksum(encrypted),
  });
  const told = isKeyWrong ? otherKey(iexec, encrypted) : key;
  assert.equal(await iexec.dataset.pushDatasetSecret(deployed.address, told), true);
  return deployed.address;
}

// A key that certainly does not open it: of 256 keys, one decrypts to noise with an end that looks right.
function otherKey(iexec, encrypted) {
  const bytes = Buffer.from(encrypted);
  for (;;) {
    const key = iexec.dataset.generateEncryptionKey();
    const cipher = createDecipheriv('aes-256-cbc', Buffer.from(key, 'base64'), bytes.subarray(0, 16));
    try {
      Buffer.concat([cipher.update(bytes.subarray(16)), cipher.final()]);
    } catch {
      return key;
    }
  }
}

export const appOrder = async ({ iexec }, terms) =>
  iexec.order.signApporder(await iexec.order.createApporder(terms));
export const datasetOrder = async ({ iexec }, terms) =>
  iexec.order.signDatasetorder(await iexec.order.createDatasetorder(terms));
export const requestOrder = async ({ iexec }, terms, ...options) =>
  iexec.order.signRequestorder(await iexec.order.createRequestorder({ category: 0, ...terms }), ...options);
// The pool of this network sells to whom the terms allow.
export async function poolOrder({ pool, ready }, terms) {
  const whole = { workerpool: ready.workerpool, category: 0, ...terms };
  return pool.order.signWorkerpoolorder(await pool.order.createWorkerpoolorder(whole));
}

// Buys a task that waits for a secret which nobody sets, so that some of the pool's stake is locked from now on. Ethers
// gives a match exactly the gas that it would use now; it uses more where the last of the stake was set free meanwhile, by
// the end of a task of another program.
export async function occupy(world) {
  const [owner, buyer] = [await person(world), await person(world, { deposit: 5 })];
  const [sold, tag] = [await app(world, owner), world.enclave];
  const unchecked = { preflightCheck: false };
  const params = { iexec_secrets: { 1: 'never' } };
  await buyer.iexec.order.matchOrders({
    apporder: await appOrder(owner, { app: sold, tag }),
    workerpoolorder: await poolOrder(world, { workerpoolprice: 5, tag }),
    requestorder: await requestOrder(buyer, { app: sold, workerpoolmaxprice: 5, tag, params }, unchecked),
  }, unchecked);
}

// The task of a deal once it has ended well, as the client shows it.
export async function completed(world, buyer, dealid, index = 0) {
  const taskid = await buyer.iexec.deal.computeTaskId(dealid, index);
  witness(`the pool about task ${index}`, () => explanation(world, taskid));
  for (;;) {
    const task = await buyer.iexec.task.show(taskid).catch((error) => {
      // Until the pool initializes it there is none.
      if (error.name === 'ObjectNotFoundError') return { status: 0 };
      throw error;
    });
    assert(task.status < FAILED, `the task has status ${task.statusName}`);
    if (task.status === COMPLETED) return task;
    await new Promise((later) => setTimeout(later, POLL_MS));
  }
}

// What the pool knows about a task.
export async function explanation({ ready }, taskid) {
  const url = `${ready.workerpoolApiUrl}/tasks/${taskid}/explain`;
  const response = await fetch(url, { signal: AbortSignal.timeout(WITNESS_MS_MAX) });
  return response.json();
}

// Why the pool's first worker could not compute a task, once it has said so.
export async function failure(world, dealid) {
  const taskid = await world.pool.deal.computeTaskId(dealid, 0);
  for (;;) {
    const { failures = [] } = await explanation(world, taskid);
    if (failures.length > 0) return failures[0];
    await new Promise((later) => setTimeout(later, POLL_MS));
  }
}

// The files of a completed task's result.
export async function files({ iexec }, { taskid }) {
  const response = await iexec.task.fetchResults(taskid);
  return entries(await response.arrayBuffer());
}
