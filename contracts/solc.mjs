#!/usr/bin/env node
// The pinned solc of npm with the two options of the command line that forge uses.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const solc = createRequire(import.meta.url)('solc');
const options = process.argv.slice(2);
if (options.includes('--version')) {
  console.log(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}`);
} else if (options.includes('--standard-json')) {
  process.stdout.write(solc.compile(readFileSync(0, 'utf8')));
} else {
  console.error(`solc.mjs knows --version and --standard-json, not ${options.join(' ')}`);
  process.exit(1);
}
