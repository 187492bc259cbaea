// Compiles contracts/src with the pinned solc and writes one JSON file per published contract.
// usage: node build.mjs [OUTPUT_DIRECTORY]   (default: artifacts/ next to this file)
import { createRequire } from 'node:module';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const solc = require('solc');
const here = dirname(fileURLToPath(import.meta.url));
const outDir = process.argv[2] ?? join(here, 'artifacts');
const CODE_LIMIT = 24_576;
// Warnings that do not stop the build: 2394 reminds that transient storage must be cleared, which CodeFactory and
// EscrowModule do.
const TOLERATED = new Set(['2394']);

// Modules of the hub: their ABIs, merged with the router's, are the hub's ABI.
const MODULES = [
  'EscrowModule', 'OrdersModule', 'MatchingModule', 'TasksModule', 'BoostModule',
  'AccessorsModule', 'LegacyModule', 'ConfigurationModule', 'LoupeModule',
];
const PUBLISHED = [
  'Hub', 'RLC', 'AppRegistry', 'DatasetRegistry', 'WorkerpoolRegistry', 'App', 'Dataset', 'Workerpool', ...MODULES,
];

function sourcesUnder(dir) {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) return sourcesUnder(path);
    return entry.name.endsWith('.sol') ? [path] : [];
  });
}

function compile(files, optimizer) {
  const sources = Object.fromEntries(
    files.map((file) => [relative(here, file).split(sep).join('/'), { content: readFileSync(file, 'utf8') }]),
  );
  const settings = {
    viaIR: true,
    optimizer,
    evmVersion: 'cancun',
    metadata: { bytecodeHash: 'none', appendCBOR: false },
    outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object', 'evm.deployedBytecode.object', 'storageLayout'] } },
  };
  const findImports = (path) => {
    try {
      return { contents: readFileSync(join(here, 'node_modules', path), 'utf8') };
    } catch (error) {
      return { error: `${path}: ${error.message}` };
    }
  };
  const input = JSON.stringify({ language: 'Solidity', sources, settings });
  const output = JSON.parse(solc.compile(input, { import: findImports }));
  const problems = (output.errors ?? []).filter((problem) => !TOLERATED.has(problem.errorCode));
  for (const problem of problems) console.error(problem.formattedMessage);
  if (problems.length > 0) process.exit(1);
  return Object.assign({}, ...Object.values(output.contracts));
}

function signature(item) {
  const type = (input) =>
    input.type.startsWith('tuple') ? `(${input.components.map(type)})${input.type.slice(5)}` : input.type;
  return `${item.type} ${item.name ?? ''}(${(item.inputs ?? []).map(type)})`;
}

// Union of ABIs, by kind, then name; an item that several modules declare appears once.
function mergeAbis(abis) {
  const items = new Map();
  for (const item of abis.flat()) {
    if (item.type === 'constructor') continue;
    const key = signature(item);
    const known = items.get(key);
    if (known && JSON.stringify(known.outputs) !== JSON.stringify(item.outputs)) {
      throw new Error(`${key} is declared in two ways`);
    }
    items.set(key, known ?? item);
  }
  return [...items.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, item]) => item);
}

function artifact(contractName, contracts) {
  const contract = contracts[contractName];
  if (!contract) throw new Error(`no contract ${contractName}`);
  const size = contract.evm.deployedBytecode.object.length / 2;
  if (size >= CODE_LIMIT) throw new Error(`${contractName} has ${size} bytes of code, over ${CODE_LIMIT}`);
  let abi = contract.abi;
  if (contractName === 'Hub') {
    const constructors = abi.filter((item) => item.type === 'constructor');
    abi = [...constructors, ...mergeAbis([abi, ...MODULES.map((name) => contracts[name].abi)])];
  }
  return {
    contractName,
    abi,
    bytecode: `0x${contract.evm.bytecode.object}`,
    deployedBytecode: `0x${contract.evm.deployedBytecode.object}`,
  };
}

const files = sourcesUnder(join(here, 'src')).sort();
const contracts = compile(files, { enabled: true, runs: 20_000 });
rmSync(outDir, { recursive: true, force: true });
mkdirSync(outDir, { recursive: true });
for (const name of PUBLISHED) {
  writeFileSync(join(outDir, `${name}.json`), `${JSON.stringify(artifact(name, contracts), null, 2)}\n`);
}
