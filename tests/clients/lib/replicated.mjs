// Tasks with several contributors, followed without the library: the published clients cannot read them, as their ethers
// wants names for the elements of the list.
import assert from 'node:assert/strict';

import { Contract, toUtf8String } from 'ethers';

import { forgetful } from './network.mjs';

const VIEW_TASK = 'function viewTask(bytes32) view returns (tuple(uint8 status, bytes32 dealid, uint256 idx,'
  + ' uint256 timeref, uint256 contributionDeadline, uint256 revealDeadline, uint256 finalDeadline,'
  + ' bytes32 consensusValue, uint256 revealCounter, uint256 winnerCounter, address[] contributors,'
  + ' bytes32 resultDigest, bytes results, uint256 resultsTimestamp, bytes resultsCallback))';
const COMPLETED = 3n;
const POLL_MS = 300;

// The task once it is completed, as the hub shows it.
export async function completedByAll(ready, taskid) {
  const hub = new Contract(ready.hub, [VIEW_TASK], forgetful(ready));
  for (;;) {
    const task = await hub.viewTask(taskid);
    assert(task.status <= COMPLETED, `the task has status ${task.status}`);
    if (task.status === COMPLETED) return task;
    await new Promise((later) => setTimeout(later, POLL_MS));
  }
}

// The archive of its result.
export async function archiveOf(ready, { results }) {
  const { storage, location } = JSON.parse(toUtf8String(results));
  assert.equal(storage, 'ipfs');
  return (await fetch(`${ready.ipfsGatewayUrl}${location}`)).arrayBuffer();
}
