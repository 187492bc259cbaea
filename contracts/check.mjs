// Runs forge, halmos and slither over the contracts, each pinned: tools/package-lock.json, tools/requirements.txt.
// usage: node check.mjs forge|deep-forge|halmos|slither
//   forge       fuzz and invariant tests of test/fuzz and test/invariant; deep-forge: many more runs
//   halmos      proves the check_ functions of test/symbolic; one that times out or fails is an error
//   slither     compares its findings with slither.json and the code that forge compiles with artifacts/
// METACLOUD_CI_CACHE names the folder for tools and compiled code (default: ~/.cache/metacloud-ci and target/).
import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const named = process.env.METACLOUD_CI_CACHE;
const cache = named ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'metacloud-ci');
const tools = join(cache, 'contract-tools');
const built = named ? join(cache, 'contract-builds') : join(here, 'target');
// Longest that a solver may take for one question of halmos.
const SOLVER_TIMEOUT = '300s';

function fail(text) {
  console.error(`check: ${text}`);
  process.exit(1);
}

function run(program, args, options = {}) {
  const done = spawnSync(program, args, { cwd: here, stdio: 'inherit', ...options });
  if (done.error) fail(`cannot run ${program}: ${done.error.message}`);
  return done;
}

function must(program, args, options) {
  const { status } = run(program, args, options);
  if (status !== 0) fail(`${program} ${args.join(' ')} ended with ${status}`);
}

// A folder that `install` fills once per content of `files`, which are copied there first. A file tells which folder is
// complete, so that two runs at once do no harm.
function installed(kind, files, install) {
  const contents = files.map((file) => readFileSync(join(here, 'tools', file)));
  const hash = createHash('sha256').update(Buffer.concat(contents)).digest('hex').slice(0, 16);
  const complete = join(tools, `${kind}-${hash}.complete`);
  if (existsSync(complete)) return readFileSync(complete, 'utf8');
  const folder = join(tools, `${kind}-${hash}-${process.pid}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const file of files) copyFileSync(join(here, 'tools', file), join(folder, file));
  install(folder);
  writeFileSync(join(folder, 'path'), folder);
  renameSync(join(folder, 'path'), complete);
  return folder;
}

function forgeFolder() {
  const folder = installed('npm', ['package.json', 'package-lock.json', '.npmrc'], (cwd) =>
    must('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], { cwd }));
  const scope = join(folder, 'node_modules', '@foundry-rs');
  const platform = existsSync(scope) && readdirSync(scope).find((name) => name.startsWith('forge-'));
  if (!platform) fail(`npm has no forge for ${process.platform} ${process.arch}`);
  return join(scope, platform, 'bin');
}

function pythonFolder() {
  const folder = installed('python', ['requirements.txt'], (cwd) => {
    must('python3', ['-m', 'venv', join(cwd, 'venv')]);
    const pip = ['install', '--quiet', '--disable-pip-version-check', '--require-hashes', '--no-deps'];
    must(join(cwd, 'venv', 'bin', 'pip'), [...pip, '--requirement', join(cwd, 'requirements.txt')]);
  });
  return join(folder, 'venv', 'bin');
}

// What forge and those that call it need: a profile of foundry.toml, and where its output goes.
function environment(profile, folders) {
  return {
    ...process.env,
    PATH: [...folders, process.env.PATH].join(':'),
    FOUNDRY_PROFILE: profile,
    FOUNDRY_OUT: join(built, profile, 'out'),
    FOUNDRY_CACHE_PATH: join(built, profile, 'cache'),
    FOUNDRY_DISABLE_NIGHTLY_WARNING: '1',
  };
}

function forgeTests(profile) {
  const env = environment('forge', [forgeFolder()]);
  // One compilation serves both profiles; sequences that failed once are no part of a test.
  env.FOUNDRY_PROFILE = profile;
  // The tests deploy artifacts/: of the sources, only what they import is compiled.
  env.FOUNDRY_SRC = 'test';
  rmSync(join(here, 'target', 'forge', 'failures'), { recursive: true, force: true });
  must('forge', ['test', '--match-path', 'test/{fuzz,invariant}/**'], { env });
}

function halmos() {
  const env = environment('symbolic', [forgeFolder(), pythonFolder()]);
  const checks = readdirSync(join(here, 'test', 'symbolic')).flatMap((file) =>
    readFileSync(join(here, 'test', 'symbolic', file), 'utf8').match(/function check_\w+/g) ?? []);
  const args = ['--root', '.', '--forge-build-out', env.FOUNDRY_OUT, '--function', 'check_'];
  args.push('--solver', 'yices', '--storage-layout', 'generic', '--loop', '4', '--solver-timeout-assertion', SOLVER_TIMEOUT);
  const { status, stdout } = run('halmos', args, { env, stdio: ['inherit', 'pipe', 'inherit'], encoding: 'utf8' });
  process.stdout.write(stdout);
  const proven = stdout.match(/\[PASS\]/g)?.length ?? 0;
  if (status !== 0 || proven !== checks.length) fail(`halmos proved ${proven} of ${checks.length} properties`);
}

// Text of everything that the compiled code depends on.
function sourceHash() {
  const files = readdirSync(join(here, 'src'), { recursive: true }).filter((file) => file.endsWith('.sol')).sort();
  const hash = createHash('sha256');
  for (const file of ['foundry.toml', 'package-lock.json', 'solc.mjs', ...files.map((one) => join('src', one))]) {
    hash.update(file).update(readFileSync(join(here, file)));
  }
  return hash.digest('hex');
}

function buildSources(env) {
  const stamp = join(built, 'audit', 'stamp');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === sourceHash()) return;
  // From nothing, so that what slither reads is of one compilation.
  rmSync(join(built, 'audit'), { recursive: true, force: true });
  must('forge', ['build', 'src'], { env });
  writeFileSync(stamp, sourceHash());
}

// The code that forge compiles is the committed one, byte for byte.
function compareCode(out) {
  const differing = readdirSync(join(here, 'artifacts')).filter((file) => {
    const ours = JSON.parse(readFileSync(join(here, 'artifacts', file)));
    const theirs = JSON.parse(readFileSync(join(out, file.replace('.json', '.sol'), file)));
    return ours.bytecode !== theirs.bytecode.object || ours.deployedBytecode !== theirs.deployedBytecode.object;
  });
  if (differing.length > 0) fail(`forge compiles other code than artifacts/ for ${differing.join(', ')}`);
}

// Where a finding is: contract, function and variable, as far as slither names them. Lines are left out, they move.
function placeOf({ elements }) {
  const names = [];
  let at = elements[0];
  if (at?.type === 'node') at = at.type_specific_fields.parent;
  for (; at && ['contract', 'function', 'variable', 'event', 'struct', 'enum'].includes(at.type); at = at.type_specific_fields?.parent) {
    names.unshift(at.name);
  }
  return names.join('.');
}

function slither() {
  const env = environment('audit', [forgeFolder(), pythonFolder()]);
  buildSources(env);
  compareCode(env.FOUNDRY_OUT);
  const report = join(built, 'audit', 'report.json');
  rmSync(report, { force: true });
  const args = ['.', '--ignore-compile', '--foundry-out-directory', env.FOUNDRY_OUT, '--filter-paths', 'node_modules'];
  // Slither's status tells that there are findings, which is not what matters here.
  run('slither', [...args, '--json', report], { env, stdio: ['inherit', 'ignore', 'ignore'] });
  if (!existsSync(report)) fail('slither wrote no report');
  const { success, results } = JSON.parse(readFileSync(report, 'utf8'));
  if (!success) fail('slither failed');
  const found = new Map();
  for (const finding of results.detectors ?? []) {
    const key = `${finding.check} ${placeOf(finding)}`;
    found.set(key, (found.get(key) ?? 0) + 1);
  }
  const accepted = new Map();
  for (const { detector, reason, places } of JSON.parse(readFileSync(join(here, 'slither.json'), 'utf8'))) {
    if (!reason) fail(`slither.json gives no reason for ${detector}`);
    for (const [place, count] of Object.entries(places)) accepted.set(`${detector} ${place}`, count);
  }
  const wrong = [...new Set([...found.keys(), ...accepted.keys()])].filter((key) => found.get(key) !== accepted.get(key));
  for (const key of wrong) console.error(`slither: ${key}: ${found.get(key) ?? 0} found, ${accepted.get(key) ?? 0} explained`);
  if (process.env.METACLOUD_SLITHER_DUMP) writeFileSync(process.env.METACLOUD_SLITHER_DUMP, JSON.stringify([...found]));
  if (wrong.length > 0) fail(`slither.json explains other findings than there are; see ${report}`);
  const sum = [...found.values()].reduce((total, count) => total + count, 0);
  console.log(`slither: ${sum} findings, each explained in slither.json; forge compiles the code of artifacts/`);
}

const actions = { forge: () => forgeTests('default'), 'deep-forge': () => forgeTests('deep'), halmos, slither };
const action = actions[process.argv[2]];
if (!action) fail(`usage: node check.mjs ${Object.keys(actions).join('|')}`);
if (!existsSync(join(here, 'node_modules', 'solc'))) must('npm', ['ci', '--no-audit', '--no-fund']);
action();
