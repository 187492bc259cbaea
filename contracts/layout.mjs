// The storage of every contract as solc lays it out, readable line by line: written by build.mjs.
import { compile, readSources } from './compile.mjs';

// The hub and its modules have no variables of their own, only what lies in the namespace. This contract has a variable
// there; solc computes where that is.
const PROBE = 'HubProbe';
const PROBE_SOURCE = `// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;
import {HubStorage} from "./libraries/HubStorage.sol";
contract ${PROBE} layout at erc7201("metacloud.storage.Hub") { HubStorage.Layout private state; }`;
// Published contracts with variables of their own. Nothing else may have any.
const STATEFUL = ['AppRegistry', 'DatasetRegistry', 'WorkerpoolRegistry', 'RLC'];

// "slot+offset:bytes type name" of each variable.
function lines(variables, types) {
  return variables.map(({ slot, offset, type, label }) =>
    `${slot}+${offset}:${types[type].numberOfBytes} ${types[type].label} ${label}`);
}

// The structs that the variables lead to, by name; slots are relative to where the struct lies.
function structs(types) {
  const found = Object.values(types).filter(({ members }) => members);
  const sorted = found.sort((a, b) => (a.label < b.label ? -1 : 1));
  return Object.fromEntries(sorted.map(({ label, members }) => [label, lines(members, types)]));
}

function locationInSource(sources) {
  const found = /bytes32 internal constant LOCATION = (0x[0-9a-f]{64});/.exec(sources['src/libraries/HubStorage.sol']);
  if (!found) throw new Error('HubStorage.sol names no LOCATION');
  return found[1];
}

// Contract name to its layout. `published` are the names of all that is deployed.
export function layouts(published) {
  const sources = readSources();
  const location = locationInSource(sources);
  const contracts = compile({ ...sources, [`src/${PROBE}.sol`]: PROBE_SOURCE }, '*', ['storageLayout']);
  const layoutOf = (name) => contracts[name].storageLayout;
  const stateful = published.filter((name) => layoutOf(name).storage.length > 0);
  if (String(stateful.sort()) !== String([...STATEFUL].sort())) {
    throw new Error(`variables stand in ${stateful.join(', ')} and should in ${STATEFUL.join(', ')}`);
  }
  const [state] = layoutOf(PROBE).storage;
  if (BigInt(state.slot) !== BigInt(location)) throw new Error(`LOCATION is not where the namespace lies: ${state.slot}`);
  const hub = { location, structs: structs(layoutOf(PROBE).types) };
  const own = STATEFUL.map((name) => {
    const { storage, types } = layoutOf(name);
    return [name, { variables: lines(storage, types), structs: structs(types) }];
  });
  return Object.fromEntries([['Hub', hub], ...own]);
}
