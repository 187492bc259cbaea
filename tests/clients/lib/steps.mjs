// One JSON line per step; exit code 1 at the first that differs from what is expected.
import assert from 'node:assert/strict';

const STEP_MS_MAX = 90_000;

// What the steps that follow belong to.
let within;
export function chapter(name) {
  within = name;
  witnesses.clear();
}

// Who knows more when a step fails.
const witnesses = new Map();

// Asks `ask` when a step fails, and shows the answer.
export function witness(name, ask) {
  witnesses.set(name, ask);
}

export async function step(name, action) {
  const started = performance.now();
  try {
    let timer;
    const late = new Promise((_, refuse) => {
      timer = setTimeout(() => refuse(new Error(`no answer within ${STEP_MS_MAX} ms`)), STEP_MS_MAX);
    });
    const answer = await Promise.race([action(), late]).finally(() => clearTimeout(timer));
    console.log(JSON.stringify({ flow: within, step: name, ms: Math.round(performance.now() - started) }));
    return answer;
  } catch (error) {
    console.log(JSON.stringify({ flow: within, step: name, error: describe(error) }));
    for (const [who, ask] of witnesses) {
      console.log(JSON.stringify({ [who]: await ask().catch((unknown) => `${unknown}`) }));
    }
    process.exit(1);
  }
}

function describe(error) {
  const causes = [];
  for (let at = error; at instanceof Error && causes.length < 5; at = at.cause ?? at.originalError) {
    causes.push(`${at.name}: ${at.message}`);
  }
  return `${causes.join(' <- ')}\n${error.stack ?? ''}`;
}

// The action must be refused with these words.
export async function refused(action, words) {
  const messages = [];
  try {
    await action();
  } catch (error) {
    for (let at = error; at instanceof Error && messages.length < 5; at = at.cause ?? at.originalError) {
      messages.push(at.message);
    }
  }
  assert(messages.length > 0, `not refused; expected ${words}`);
  assert(messages.some((message) => words.test(message)), `refused with ${messages.join(' <- ')}, not ${words}`);
}

// All values that an observable tells until it completes.
export function observed(observable, each = () => {}) {
  return new Promise((done, refuse) => {
    const values = [];
    observable.subscribe({
      next: (value) => {
        values.push(value);
        each(value);
      },
      error: refuse,
      complete: () => done(values),
    });
  });
}

// End of a program: says so, and leaves no connection open.
export function done(summary = {}) {
  console.log(JSON.stringify({ done: true, ...summary }));
  process.exit(0);
}
