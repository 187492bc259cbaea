// Compiles Solidity sources with the pinned solc.
import { createRequire } from 'node:module';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const solc = createRequire(import.meta.url)('solc');
export const here = dirname(fileURLToPath(import.meta.url));
// Warnings in our own sources that do not stop the build: 2394 reminds that transient storage must be cleared, which
// CodeFactory and EscrowModule do.
const TOLERATED = new Set(['2394']);
const OUTPUTS = ['abi', 'evm.bytecode.object', 'evm.deployedBytecode'];

function filesUnder(dir) {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) return filesUnder(path);
    return entry.name.endsWith('.sol') ? [path] : [];
  });
}

// Our sources: path below this folder to text.
export function readSources() {
  const files = filesUnder(join(here, 'src')).sort();
  return Object.fromEntries(
    files.map((file) => [relative(here, file).split(sep).join('/'), readFileSync(file, 'utf8')]),
  );
}

// Contract name to its output; of all contracts, or of the one named.
export function compile(sources, only = '*', outputs = OUTPUTS) {
  const settings = {
    viaIR: true,
    optimizer: { enabled: true, runs: 20_000 },
    evmVersion: 'cancun',
    metadata: { bytecodeHash: 'none', appendCBOR: false },
    outputSelection: { '*': { [only]: outputs } },
  };
  const findImports = (path) => {
    try {
      return { contents: readFileSync(join(here, 'node_modules', path), 'utf8') };
    } catch (error) {
      return { error: `${path}: ${error.message}` };
    }
  };
  const contents = Object.fromEntries(Object.entries(sources).map(([path, content]) => [path, { content }]));
  const input = JSON.stringify({ language: 'Solidity', sources: contents, settings });
  const output = JSON.parse(solc.compile(input, { import: findImports }));
  const isOurs = ({ severity, sourceLocation }) =>
    severity === 'error' || !sourceLocation?.file.startsWith('@openzeppelin/');
  const problems = (output.errors ?? []).filter((problem) => isOurs(problem) && !TOLERATED.has(problem.errorCode));
  for (const problem of problems) console.error(problem.formattedMessage);
  if (problems.length > 0) process.exit(1);
  return Object.assign({}, ...Object.values(output.contracts));
}
