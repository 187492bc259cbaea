// Keeps a program to the cloud under test: clients have public services as defaults, and some ask them in passing.
// Import this first; whatever goes elsewhere is refused as if the network were gone, and remembered.
const HERE = new Set(['127.0.0.1', 'localhost']);
const beyond = globalThis.fetch;

// Hosts that a client tried to reach.
export const strangers = new Set();

globalThis.fetch = async (target, ...more) => {
  const { hostname } = new URL(target instanceof Request ? target.url : target);
  if (HERE.has(hostname)) return beyond(target, ...more);
  strangers.add(hostname);
  throw new TypeError(`${hostname} is not of this cloud`);
};
