// Whole ways of business, each from deployment to its end: `node flows.mjs VERSION [FLOW...]`.
import assert from 'node:assert/strict';

import { browser } from './flows/browser.mjs';
import { bulk } from './flows/bulk.mjs';
import { callback } from './flows/callback.mjs';
import { claim } from './flows/claim.mjs';
import { contracts } from './flows/contracts.mjs';
import { datasets } from './flows/dataset.mjs';
import { encrypted } from './flows/encrypted.mjs';
import { replicated } from './flows/replicated.mjs';
import { restricted } from './flows/restricted.mjs';
import { secrets } from './flows/secrets.mjs';
import { chapter, done, step } from './lib/steps.mjs';
import { occupy, trade } from './lib/trade.mjs';

const FLOWS = { secrets, datasets, encrypted, callback, bulk, restricted, contracts, browser, replicated };
// Moves the clock of the chain that all share: only if it is asked for.
const LONELY = { claim };
const [version = '9.0.0', ...chosen] = process.argv.slice(2);
const world = await trade(version);
const names = chosen.length > 0 ? chosen : Object.keys(FLOWS);
if (names.some((name) => name in FLOWS)) await step('the pool is never idle', () => occupy(world));
for (const name of names) {
  const flow = FLOWS[name] ?? LONELY[name] ?? assert.fail(`no such flow: ${name}`);
  chapter(name);
  await flow(world);
}
done({ version, flows: names });
