// What DataProtector and web3mail need of a cloud: the published packages opened on it, and a confidential application.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import { IExecDataProtectorCore } from '@iexec/dataprotector';
import { IExecWeb3mail, getWeb3Provider } from '@iexec/web3mail';
import { JsonRpcProvider, Wallet } from 'ethers';

import { account, upload } from './network.mjs';

// The only test network that these clients know.
export const CHAIN_ID = 421_614;

function iexecOptions(ready) {
  return {
    hubAddress: ready.hub,
    smsURL: ready.smsUrl,
    iexecGatewayURL: ready.gatewayUrl,
    ipfsGatewayURL: ready.ipfsGatewayUrl,
    ipfsNodeURL: ready.ipfsNodeUrl,
    compassURL: ready.compassUrl,
    pocoSubgraphURL: ready.subgraphUrl,
  };
}

function signer(ready, role) {
  return new Wallet(account(ready, role).privateKey, new JsonRpcProvider(ready.rpcUrl));
}

export function protector(ready, role) {
  assert.equal(ready.chainId, CHAIN_ID, 'DataProtector has settings for this chain alone');
  return new IExecDataProtectorCore(signer(ready, role), {
    dataprotectorContractAddress: ready.dataProtector,
    subgraphUrl: ready.dataProtectorSubgraphUrl,
    ipfsNode: ready.ipfsNodeUrl,
    ipfsGateway: ready.ipfsGatewayUrl,
    iexecOptions: iexecOptions(ready),
  });
}

export function mailer(ready, role, more) {
  const provider = getWeb3Provider(account(ready, role).privateKey, { host: ready.rpcUrl, allowExperimentalNetworks: true });
  return new IExecWeb3mail(provider, {
    dataProtectorSubgraph: ready.dataProtectorSubgraphUrl,
    ipfsNode: ready.ipfsNodeUrl,
    ipfsGateway: ready.ipfsGatewayUrl,
    iexecOptions: iexecOptions(ready),
    ...more,
  });
}

// Registers one of the test applications and offers it for nothing; its address.
export async function confidentialApp(ready, client, fixture, name) {
  const module = await readFile(new URL(`../../fixtures/${fixture}.wasm`, import.meta.url));
  const cid = await upload(ready, module);
  const provider = client.open('appProvider');
  const { address } = await provider.app.deployApp({
    owner: await provider.wallet.getAddress(),
    name,
    type: 'DOCKER',
    multiaddr: `/ipfs/${cid}`,
    checksum: `0x${createHash('sha256').update(module).digest('hex')}`,
  });
  const order = await provider.order.createApporder({ app: address, appprice: 0, volume: 1000, tag: ['tee', 'tdx'] });
  await provider.order.publishApporder(await provider.order.signApporder(order));
  return address;
}
