// Every command of the iexec command line, in folders that `metacloud iexec-config` prepared: `node cli.mjs VERSION`. With
// `runs` behind the version only those that lead to results: the versions differ in how they mark orders.
import assert from 'node:assert/strict';

import { essentials, resources, transfers } from './cli/resources.mjs';
import { business, trade } from './cli/trade.mjs';
import { CommandLine } from './lib/command.mjs';
import { account, network, upload, versions } from './lib/network.mjs';
import { done, step } from './lib/steps.mjs';

const GROUPS = [
  'wallet', 'account', 'app', 'dataset', 'workerpool', 'requester', 'order', 'orderbook', 'deal', 'task', 'storage',
  'result', 'category',
];
const [version = '9.0.1', extent = 'all'] = process.argv.slice(2);
const ready = await network();
const line = await CommandLine.open(versions[version].package);
const roles = ['deployer', 'appProvider', 'datasetProvider', 'workerpoolOwner', 'requester'];
const words = `cli-${version}-${process.pid}-${Date.now()}`;
const context = {
  ready,
  line,
  words,
  secret: words.replaceAll('.', '_'),
  version,
  upload: (bytes) => upload(ready, bytes),
  addresses: Object.fromEntries(roles.map((role) => [role, account(ready, role).address])),
  // 9.0.1 marks every order; a command must say so where it looks for orders.
  tags: versions[version].enclaves ? ['--tag', 'tee,tdx'] : [],
};

const rows = extent === 'runs' ? [...essentials, ...business] : [...resources, ...trade, ...transfers];
const groups = extent === 'runs' ? [] : GROUPS;
const expected = await step('the commands there are', async () => new Set((await Promise.all(groups.map((group) => line.commands(group)))).flat()));
assert(extent === 'runs' || expected.size >= 60, `${expected.size} commands`);
await step('init', async () => {
  const [made] = await Promise.all(roles.map((role) => line.configure(role)));
  assert(made.configFile && made.chainConfigFile);
  await Promise.all(['fresh', 'made'].map((folder) => line.copy('requester', folder)));
});
const called = new Set();
for (const { run, as = 'requester', args, check, wallet = true } of rows) {
  await step(`iexec ${run}`, async () => {
    await check(await line.run(as, run, args ? await args(context) : [], wallet), context);
    called.add(run);
  });
}
assert.deepEqual([...expected].filter((command) => !called.has(command)), [], 'every command is run');
await line.close();
done({ version, commands: called.size });
