// A table of calls: every row names a method, says who calls it with what, and checks the answer. Rows share a context
// that earlier rows fill. Which methods exist is asked of the library itself, so that none is forgotten.
import assert from 'node:assert/strict';

import { step } from './steps.mjs';

// Methods that resolve options rather than ask anybody.
const LOCAL_MODULES = new Set(['config']);

export function methodsOf(iexec) {
  const found = [];
  for (const [module, methods] of Object.entries(iexec)) {
    if (LOCAL_MODULES.has(module) || methods === null || typeof methods !== 'object') continue;
    for (const [name, method] of Object.entries(methods)) {
      if (typeof method === 'function') found.push(`${module}.${name}`);
    }
  }
  return found;
}

// Calls all rows in order; answers the methods that were called, and those that this network lacks the service for.
export async function run(rows, context) {
  const [called, lacking] = [new Set(), new Set()];
  for (const { method, as, args, check, missing } of rows) {
    if (missing?.(context)) {
      lacking.add(method);
      continue;
    }
    await step(method, async () => {
      const [module, name] = method.split('.');
      const target = context.clients[as ?? 'requester'][module];
      assert.equal(typeof target?.[name], 'function', `there is no ${method}`);
      const given = args ? await args(context) : [];
      await check(await target[name](...given), context);
      called.add(method);
    });
  }
  return { called, lacking };
}
