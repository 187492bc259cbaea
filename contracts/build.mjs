// Compiles contracts/src with the pinned solc and writes one JSON file per published contract into artifacts/, and one
// per contract that has storage into storage/.
// usage: node build.mjs [OUTPUT_DIRECTORY]   (default: next to this file)
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compile, here, readSources } from './compile.mjs';
import { layouts } from './layout.mjs';

const outDir = process.argv[2] ?? here;
if (outDir.startsWith('-')) {
  console.error(`build: ${outDir} is no folder; usage: node build.mjs [OUTPUT_DIRECTORY]`);
  process.exit(2);
}
const CODE_LIMIT = 24_576;

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
  DataProtector: 'IDataProtector',
  App: 'IApp',
  Dataset: 'IDataset',
  Workerpool: 'IWorkerpool',
};

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

// Replaces a folder below the output directory by one JSON file per name.
function writeFolder(folder, contents) {
  const path = join(outDir, folder);
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path, { recursive: true });
  for (const [name, content] of contents) {
    writeFileSync(join(path, `${name}.json`), `${JSON.stringify(content, null, 2)}\n`);
  }
}

const published = [...Object.keys(INTERFACES), ...MODULES];
const contracts = compile(readSources());
writeFolder('artifacts', published.map((name) => [name, artifact(name, contracts)]));
writeFolder('storage', Object.entries(layouts(published)));
