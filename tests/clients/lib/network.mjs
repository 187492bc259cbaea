// The cloud under test, as its ready file tells of it, and the published clients opened on it without any change.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';

import { JsonRpcProvider, Wallet, getAddress } from 'ethers';

// Each version spends from a worker's account of its own, the `bank`th from the end: versions may be tried at once.
export const versions = {
  '9.0.1': { package: 'iexec-901', enclaves: true, bank: 1 },
  '9.0.0': { package: 'iexec-900', enclaves: false, bank: 2 },
  '8.24.0': { package: 'iexec-824', enclaves: false, bank: 3 },
};

export async function network() {
  const path = process.env.METACLOUD_READY_FILE;
  assert(path, 'METACLOUD_READY_FILE names the ready file of the cloud under test');
  // The clients answer with checksums; so are all addresses here.
  const checksummed = (_, value) => (/^0x[0-9a-fA-F]{40}$/.test(value) ? getAddress(value) : value);
  return JSON.parse(await readFile(path, 'utf8'), checksummed);
}

// Ethers remembers each answer for 250 ms, nonces too, which is too long where blocks are made at once; this one forgets.
export const forgetful = ({ rpcUrl }) => new JsonRpcProvider(rpcUrl, undefined, { cacheTimeout: -1, pollingInterval: 250 });

// The library of one version: `open(role)` gives an IExec whose wallet is the first account of that role.
export async function library(version, ready) {
  const { package: name, enclaves, bank } = versions[version] ?? assert.fail(`no such version: ${version}`);
  const { IExec, utils } = await import(`${name}`);
  const options = {
    hubAddress: ready.hub,
    smsURL: ready.smsUrl,
    iexecGatewayURL: ready.gatewayUrl,
    ipfsGatewayURL: ready.ipfsGatewayUrl,
    ipfsNodeURL: ready.ipfsNodeUrl,
    compassURL: ready.compassUrl,
    pocoSubgraphURL: ready.subgraphUrl,
  };
  for (const name of Object.keys(options)) if (options[name] === undefined) delete options[name];
  // The chain of metacloud is made for the library's own signers; with other nodes a program brings its provider.
  const isOurs = (await rpc(ready, 'web3_clientVersion')).startsWith('metacloud');
  const signer = (key) => (isOurs ? utils.getSignerFromPrivateKey(ready.rpcUrl, key) : new Wallet(key, forgetful(ready)));
  const withKey = (key) => new IExec({ ethProvider: signer(key) }, options);
  const open = (role, index = 0) => withKey(account(ready, role, index).privateKey);
  const withSigner = (signer) => new IExec({ ethProvider: signer }, options);
  return { version, enclaves, utils, IExec, options, open, withKey, withSigner, bank: -bank };
}

export function account(ready, role, index = 0) {
  return ready.accounts.filter((account) => account.role === role).at(index) ?? assert.fail(`no account for ${role}`);
}

// One JSON-RPC call to the chain.
export async function rpc(ready, method, params = []) {
  const response = await fetch(ready.rpcUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  });
  const answer = await response.json();
  assert.equal(answer.error, undefined, `${method}: ${JSON.stringify(answer.error)}`);
  return answer.result;
}

// Adds a file to the store as a browser would; its CID.
export async function upload(ready, bytes) {
  const form = new FormData();
  form.append('file', new Blob([bytes]), 'file');
  const response = await fetch(`${ready.ipfsNodeUrl}/api/v0/add`, { method: 'POST', body: form });
  assert.equal(response.status, 200, 'the store takes the file');
  return JSON.parse((await response.text()).trim().split('\n').at(-1)).Hash;
}
