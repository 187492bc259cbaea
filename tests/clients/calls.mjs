// Every method of the library, called and its answer checked: `node calls.mjs VERSION`.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';

import { Wallet } from 'ethers';

import { assets } from './calls/assets.mjs';
import { deals } from './calls/deals.mjs';
import { identity } from './calls/identity.mjs';
import { endings, orders } from './calls/orders.mjs';
import { secrets } from './calls/secrets.mjs';
import { account, library, network, upload } from './lib/network.mjs';
import { done } from './lib/steps.mjs';
import { methodsOf, run } from './lib/table.mjs';

const TEE_TDX = 9n;
// Out of scope: names, vouchers, bridges and the result proxy of the older version (http-surface 15.6).
const OLD = /^(ens|voucher)\.|[bB]ridge|^storage\.defaultStorageLogin$|^workerpool\.setWorkerpoolApiUrl$/;

const [version = '9.0.0'] = process.argv.slice(2);
const ready = await network();
const client = await library(version, ready);
const roles = ['deployer', 'appProvider', 'datasetProvider', 'workerpoolOwner', 'requester'];
const fresh = Wallet.createRandom();
const run_id = `${version}-${process.pid}-${Date.now()}`;
let count = 0;
const module = await readFile(new URL('../../examples/hello/hello.wasm', import.meta.url));
const context = {
  ready,
  fresh,
  module,
  utils: client.utils,
  cid: await upload(ready, module),
  upload: (bytes) => upload(ready, bytes),
  unique: (name) => `${name}-${run_id}-${(count += 1)}`,
  words: `calls-${run_id}`,
  clients: { ...Object.fromEntries(roles.map((role) => [role, client.open(role)])), fresh: client.withKey(fresh.privateKey) },
  addresses: Object.fromEntries(roles.map((role) => [role, account(ready, role).address])),
  // This version marks every order as one for enclaves.
  tag: client.enclaves ? TEE_TDX : 0n,
  // Without a secret service there is nobody to ask before signing.
  preflight: { preflightCheck: ready.smsUrl !== undefined },
};

const { called, lacking } = await run([...identity, ...assets, ...secrets, ...orders, ...deals, ...endings], context);
const methods = methodsOf(context.clients.requester).filter((method) => !OLD.test(method));
const left = methods.filter((method) => !called.has(method));
assert(methods.length >= 109, `only ${methods.length} methods`);
assert.deepEqual(left.filter((method) => !lacking.has(method)), [], 'every method is called');
done({ version, methods: methods.length, called: called.size, left });
