// Time that passes on the chain and for this process alike: the clients compare the chain's deadlines with the clock of
// the machine they run on.
import { rpc } from './network.mjs';

const Machine = Date;
let ahead_ms = 0;

class Moved extends Machine {
  constructor(...given) {
    if (given.length === 0) super(Moved.now());
    else super(...given);
  }

  static now() {
    return Machine.now() + ahead_ms;
  }
}
globalThis.Date = Moved;

// What this process takes for now is no earlier than the chain's newest block.
export async function catchUp(ready) {
  const { timestamp } = await rpc(ready, 'eth_getBlockByNumber', ['latest', false]);
  ahead_ms = Math.max(ahead_ms, Number(timestamp) * 1000 - Machine.now());
}

// Lets that many seconds pass.
export async function pass(ready, seconds) {
  await rpc(ready, 'evm_increaseTime', [seconds]);
  await rpc(ready, 'evm_mine');
  await catchUp(ready);
}
