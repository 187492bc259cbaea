// Opens a network on contracts that were just deployed: `node settle.mjs DEPLOYMENT.json RPC_URL` gives RLC to the
// accounts of the development mnemonic, stakes what pool and workers need, registers a pool, and prints the beginning of a
// ready file, as the chain of metacloud does.
import { readFile } from 'node:fs/promises';

import { HDNodeWallet } from 'ethers';

import { library } from './lib/network.mjs';

const MNEMONIC = 'test test test test test test test test test test test junk';
const ROLES = ['deployer', 'appProvider', 'datasetProvider', 'workerpoolOwner', 'requester'];
const ACCOUNTS = 20;
const GRANT_NRLC = '1000000000000000';
const STAKE_NRLC = '100000000000000';
// Those who are staked: the pool's owner and that many workers.
const WORKERS = 3;

const [file, rpcUrl] = process.argv.slice(2);
const deployed = JSON.parse(await readFile(file, 'utf8'));
const accounts = Array.from({ length: ACCOUNTS }, (_, index) => {
  const { address, privateKey } = HDNodeWallet.fromPhrase(MNEMONIC, undefined, `m/44'/60'/0'/0/${index}`);
  return { role: ROLES[index] ?? 'worker', address, privateKey };
});
const ready = {
  chainId: deployed.chainId,
  rpcUrl,
  hub: deployed.hub,
  rlc: deployed.rlc,
  appRegistry: deployed.appRegistry,
  datasetRegistry: deployed.datasetRegistry,
  workerpoolRegistry: deployed.workerpoolRegistry,
  dataProtector: deployed.dataProtector,
  accounts,
};
const client = await library('9.0.0', ready);
const deployer = client.open('deployer');
for (const { address } of accounts.slice(1)) await deployer.wallet.sendRLC(GRANT_NRLC, address);
const owner = client.open('workerpoolOwner');
for (const iexec of [owner, ...Array.from({ length: WORKERS }, (_, index) => client.open('worker', index))]) {
  await iexec.account.deposit(STAKE_NRLC);
}
const pool = { owner: await owner.wallet.getAddress(), description: 'a pool on another chain' };
const { address: workerpool } = await owner.workerpool.deployWorkerpool(pool);
console.log(JSON.stringify({ role: 'chain', ...ready, workerpool }));
process.exit(0);
