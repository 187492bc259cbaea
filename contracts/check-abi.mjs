// Compares the ABI of our artifacts with the one that the reference publishes on npm: nothing missing, nothing changed,
// and README.md names exactly what we add and what we leave out. Only the package's ABI files are read.
// usage: node check-abi.mjs [ARTIFACTS_DIRECTORY]   (default: artifacts/ next to this file)
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const artifacts = process.argv[2] ?? join(here, 'artifacts');
const { package: name, version, integrity } = JSON.parse(readFileSync(join(here, 'package.json'))).reference;

// The package alone, without its dependencies, some of which npm would have to clone.
function fetchReference() {
  const folder = join(here, 'node_modules', '.reference', version);
  if (existsSync(folder)) return folder;
  const fresh = `${folder}-${process.pid}`;
  mkdirSync(fresh, { recursive: true });
  const options = { cwd: fresh, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] };
  const [{ filename }] = JSON.parse(execFileSync('npm', ['pack', '--json', `${name}@${version}`], options));
  const found = `sha512-${createHash('sha512').update(readFileSync(join(fresh, filename))).digest('base64')}`;
  if (found !== integrity) throw new Error(`${name}@${version} has ${found}, but package.json pins ${integrity}`);
  execFileSync('tar', ['-xzf', filename, 'package/abis', 'package/deployments/arbitrum'], options);
  rmSync(folder, { recursive: true, force: true });
  renameSync(fresh, folder);
  return folder;
}

const reference = join(fetchReference(), 'package');
const readJson = (path) => JSON.parse(readFileSync(path));
const abiOf = (path) => readJson(join(reference, 'abis/contracts', `${path}.json`));
// Facets that the package compiles from another project are found with its deployments only.
const deployedAbi = (facet) => readJson(join(reference, 'deployments/arbitrum', `${facet}.json`)).abi;
// All of a folder except the build whose base asset is the chain's coin.
const allIn = (folder) =>
  readdirSync(join(reference, 'abis/contracts', folder))
    .filter((file) => !file.includes('Native'))
    .flatMap((file) => abiOf(join(folder, file.slice(0, -'.json'.length))));

const words = (...parts) => parts.filter(Boolean).join(' ');
const typeOf = (one, named) => {
  if (!one.type.startsWith('tuple')) return one.type;
  const members = one.components.map((member) => words(typeOf(member, named), named && member.name));
  return `(${members.join(named ? ', ' : ',')})${one.type.slice('tuple'.length)}`;
};
const types = (list) => (list ?? []).map((one) => typeOf(one, false)).join(',');
// What an item is called in README.md, and what must not differ between two items called alike: for functions the
// mutability and what they return, members included; for events names and places of their members.
const keyOf = (item) => `${item.type} ${item.name}(${types(item.inputs)})`;
const formOf = (item) => {
  if (item.type === 'event') {
    return item.inputs.map((one) => words(typeOf(one, true), one.indexed && 'indexed', one.name)).join(', ');
  }
  if (item.type === 'error') return '';
  const tuple = (list) => list.map((one) => typeOf(one, true)).join(', ');
  return words(item.stateMutability, tuple(item.inputs), 'returns', tuple(item.outputs));
};
// `function f(address,uint256) view returns (bool)` without names, as the token's ABI is published.
const terseOf = (item) => {
  const indexed = (item.inputs ?? []).map((one) => words(typeOf(one, false), one.indexed && 'indexed')).join(',');
  if (item.type !== 'function') return `${item.type} ${item.name}(${indexed})`;
  const mutability = item.stateMutability === 'nonpayable' ? '' : item.stateMutability.replace('pure', 'view');
  return words(keyOf(item), mutability, item.outputs.length > 0 && `returns (${types(item.outputs)})`);
};

// Key to the forms that the reference has for it: an interface may declare `view` what the facet makes `pure`.
function formsOf(items) {
  const forms = new Map();
  for (const item of items.filter(({ type }) => ['function', 'event', 'error'].includes(type))) {
    forms.set(keyOf(item), (forms.get(keyOf(item)) ?? new Set()).add(formOf(item)));
  }
  return forms;
}

function tokenForms() {
  const lines = readJson(
    join(reference, 'abis/human-readable-abis/rlc-faucet-contract/contracts/RLC.sol/RLC.json'),
  ).filter((line) => !line.startsWith('constructor'));
  return new Map(lines.map((line) => [line.replace(/\).*/, ')').replaceAll(' indexed', ''), new Set([line])]));
}

const REFERENCES = {
  Hub: formsOf([
    ...abiOf('IexecInterfaceToken'),
    ...allIn('interfaces'),
    ...allIn('facets'),
    ...abiOf('Diamond'),
    ...['DiamondCutFacet', 'DiamondLoupeFacet', 'OwnershipFacet'].flatMap(deployedAbi),
  ]),
  RLC: tokenForms(),
  AppRegistry: formsOf(abiOf('registries/apps/AppRegistry')),
  DatasetRegistry: formsOf(abiOf('registries/datasets/DatasetRegistry')),
  WorkerpoolRegistry: formsOf(abiOf('registries/workerpools/WorkerpoolRegistry')),
  App: formsOf(abiOf('registries/apps/App')),
  Dataset: formsOf(abiOf('registries/datasets/Dataset')),
  Workerpool: formsOf(abiOf('registries/workerpools/Workerpool')),
};

// Rows `| Contract, Contract | `item`, `item` | why |` below a heading of README.md, as `Contract item`.
function listed(heading) {
  const section = readFileSync(join(here, 'README.md'), 'utf8').split(`### ${heading}\n`)[1] ?? '';
  const rows = section.split(/\n#+ /)[0].split('\n').filter((line) => line.startsWith('| ') && line.includes('`'));
  return rows.flatMap((row) => {
    const [, contracts, items] = row.split('|').map((cell) => cell.trim());
    return contracts.split(', ').flatMap((one) => [...items.matchAll(/`([^`]+)`/g)].map(([, item]) => `${one}: ${item}`));
  });
}

const complaints = [];
const added = [];
const missing = [];
for (const [contract, forms] of Object.entries(REFERENCES)) {
  const ours = readJson(join(artifacts, `${contract}.json`)).abi.filter(({ type }) => type !== 'constructor');
  const keys = new Set(ours.map(keyOf));
  missing.push(...[...forms.keys()].filter((key) => !keys.has(key)).map((key) => `${contract}: ${key}`));
  for (const item of ours) {
    const theirs = forms.get(keyOf(item));
    const form = contract === 'RLC' ? terseOf(item) : formOf(item);
    if (!theirs) added.push(`${contract}: ${keyOf(item)}`);
    else if (!theirs.has(form)) {
      complaints.push(`${contract}: ${keyOf(item)} is "${form}", in the reference "${[...theirs].join('" or "')}"`);
    }
  }
}
for (const [heading, found] of [['Additions', added], ['Left out', missing]]) {
  const named = listed(heading);
  for (const item of found) if (!named.includes(item)) complaints.push(`README.md, ${heading}, does not name ${item}`);
  for (const item of named) if (!found.includes(item)) complaints.push(`README.md, ${heading}, names ${item} wrongly`);
}
for (const complaint of complaints) console.error(`abi: ${complaint}`);
if (complaints.length > 0) process.exit(1);
const compared = Object.values(REFERENCES).reduce((sum, forms) => sum + forms.size, 0);
console.log(`abi: ${compared - missing.length} items equal ${name}@${version}, ${added.length} added, ${missing.length} left out`);
