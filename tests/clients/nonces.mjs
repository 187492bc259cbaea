// Transactions of one wallet back to back, through an ethers provider with its usual cache: `node nonces.mjs`.
import assert from 'node:assert/strict';

import { JsonRpcProvider, Wallet } from 'ethers';

import { account, network } from './lib/network.mjs';
import { done, step } from './lib/steps.mjs';

const TRANSACTIONS = 6;
const ready = await network();
const provider = new JsonRpcProvider(ready.rpcUrl);
const wallet = new Wallet(account(ready, 'worker').privateKey, provider);
const to = account(ready, 'requester').address;

const sent = await step('send back to back', async () => {
  const sent = [];
  for (let index = 0; index < TRANSACTIONS; index += 1) sent.push(await wallet.sendTransaction({ to, value: 1n }));
  return sent;
});
await step('each has a nonce of its own', () => {
  const nonces = sent.map(({ nonce }) => nonce);
  assert.deepEqual(nonces, nonces.map((_, index) => nonces[0] + index));
});
await step('send, wait, send', async () => {
  for (let index = 0; index < TRANSACTIONS; index += 1) {
    const receipt = await (await wallet.sendTransaction({ to, value: 1n })).wait();
    assert.equal(receipt.status, 1);
  }
});
await step('a transaction ahead of its nonce waits in the pool', async () => {
  const nonce = await provider.getTransactionCount(wallet.address, 'pending');
  const fees = { gasLimit: 21_000n, maxFeePerGas: 1n, maxPriorityFeePerGas: 0n };
  const ahead = await wallet.sendTransaction({ to, value: 1n, nonce: nonce + 1, ...fees });
  await (await wallet.sendTransaction({ to, value: 1n, nonce, ...fees })).wait();
  assert.equal((await ahead.wait()).status, 1);
});
done();
