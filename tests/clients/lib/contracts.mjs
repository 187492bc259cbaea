// The contracts that act in these programs. They are compiled when first asked for, which takes seconds; what became of
// the same source with the same compiler is kept beside the packages.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import { ContractFactory } from 'ethers';

const NAME = 'Parties.sol';
const SETTINGS = {
  optimizer: { enabled: true },
  evmVersion: 'cancun',
  outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } },
};

function all() {
  const require = createRequire(import.meta.url);
  const content = readFileSync(new URL(`../contracts/${NAME}`, import.meta.url), 'utf8');
  const input = JSON.stringify({ language: 'Solidity', sources: { [NAME]: { content } }, settings: SETTINGS });
  const { version } = require('solc/package.json');
  const key = createHash('sha256').update(version).update(input).digest('hex');
  const folder = new URL('../node_modules/.cache/metacloud/', import.meta.url);
  const kept = new URL(`${key}.json`, folder);
  if (!existsSync(kept)) {
    const { errors = [], contracts } = JSON.parse(require('solc').compile(input));
    assert.deepEqual(errors.map(({ formattedMessage }) => formattedMessage), []);
    mkdirSync(folder, { recursive: true });
    const whole = new URL(`${key}.${process.pid}`, folder);
    writeFileSync(whole, JSON.stringify(contracts[NAME]));
    renameSync(whole, kept);
  }
  return JSON.parse(readFileSync(kept, 'utf8'));
}

// Puts a contract on the chain as `wallet`.
export async function put(wallet, name, ...args) {
  const { abi, evm } = all()[name];
  const contract = await new ContractFactory(abi, evm.bytecode.object, wallet).deploy(...args);
  return contract.waitForDeployment();
}
