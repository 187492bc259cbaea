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
// Warnings in our own sources that do not stop the build: 2394 reminds that transient storage must be cleared, which CodeFactory and
// EscrowModule do.
const TOLERATED = new Set(['2394']);

// Modules of the hub: together they implement its interface.
const MODULES = [
  'EscrowModule', 'OrdersModule', 'MatchingModule', 'TasksModule', 'BoostModule',
  'AccessorsModule', 'LegacyModule', 'ConfigurationModule', 'LoupeModule',
];
// Published contracts with the interface that names their functions, events and errors.
const INTERFACES = {
  Hub: 'IHub',
  RLC: 'IRlc',
  AppRegistry: 'IAppRegistry',
  DatasetRegistry: 'IDatasetRegistry',
  WorkerpoolRegistry: 'IWorkerpoolRegistry',
  App: 'IApp',
  Dataset: 'IDataset',
  Workerpool: 'IWorkerpool',
};

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
    outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object', 'evm.deployedBytecode'] } },
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
  const isOurs = ({ severity, sourceLocation }) =>
    severity === 'error' || !sourceLocation?.file.startsWith('@openzeppelin/');
  const problems = (output.errors ?? []).filter((problem) => isOurs(problem) && !TOLERATED.has(problem.errorCode));
  for (const problem of problems) console.error(problem.formattedMessage);
  if (problems.length > 0) process.exit(1);
  return Object.assign({}, ...Object.values(output.contracts));
}

function signature(item) {
  const type = (input) =>
    input.type.startsWith('tuple') ? `(${input.components.map(type)})${input.type.slice(5)}` : input.type;
  return `${item.type} ${item.name ?? ''}(${(item.inputs ?? []).map(type)})`;
}

const functionsOf = (abi) => abi.filter((item) => item.type === 'function').map(signature).sort();

// The interface, which has the names, the constructor, and whatever events and errors come from inside, which only the
// contract has. The functions implemented must be exactly those promised; for the hub that is the union of its modules.
function publishedAbi(name, contracts) {
  const promised = contracts[INTERFACES[name]].abi;
  const abis = [...(name === 'Hub' ? MODULES : []), name].map((one) => contracts[one].abi);
  const functions = (name === 'Hub' ? abis.slice(0, -1) : abis).flatMap(functionsOf);
  if (JSON.stringify([...new Set(functions)].sort()) !== JSON.stringify(functionsOf(promised))) {
    throw new Error(`${name} does not implement exactly ${INTERFACES[name]}`);
  }
  const items = new Map(promised.map((item) => [signature(item), item]));
  for (const item of abis.flat().filter(({ type }) => type === 'event' || type === 'error')) {
    if (!items.has(signature(item))) items.set(signature(item), item);
  }
  const constructors = contracts[name].abi.filter((item) => item.type === 'constructor');
  return [...constructors, ...[...items.keys()].sort().map((key) => items.get(key))];
}

function artifact(contractName, contracts) {
  const contract = contracts[contractName];
  if (!contract) throw new Error(`no contract ${contractName}`);
  const { object, immutableReferences = {} } = contract.evm.deployedBytecode;
  const size = object.length / 2;
  if (size >= CODE_LIMIT) throw new Error(`${contractName} has ${size} bytes of code, over ${CODE_LIMIT}`);
  return {
    contractName,
    abi: contractName in INTERFACES ? publishedAbi(contractName, contracts) : contract.abi,
    bytecode: `0x${contract.evm.bytecode.object}`,
    deployedBytecode: `0x${object}`,
    // Bytes of the deployed code that the constructor fills in.
    immutables: Object.values(immutableReferences).flat().sort((a, b) => a.start - b.start),
  };
}

const files = sourcesUnder(join(here, 'src')).sort();
const contracts = compile(files, { enabled: true, runs: 20_000 });
rmSync(outDir, { recursive: true, force: true });
mkdirSync(outDir, { recursive: true });
for (const name of [...Object.keys(INTERFACES), ...MODULES]) {
  writeFileSync(join(outDir, `${name}.json`), `${JSON.stringify(artifact(name, contracts), null, 2)}\n`);
}
