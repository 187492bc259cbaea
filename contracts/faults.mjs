// Plants faults into the sources, one at a time, and compiles the module that has it: what the tests must notice.
// usage: node faults.mjs   prints [{fault, contract, code}] as JSON
import { compile, readSources } from './compile.mjs';

// What is wrong, the module whose code changes, the file, the text, and what stands there instead.
const FAULTS = [
  ['the pot is shared after rounding up', 'TasksModule', 'libraries/Settlement.sol',
    'workersPart * words[i].weight() / totalWeight', '(workersPart * words[i].weight() + totalWeight - 1) / totalWeight'],
  ['a wrong worker loses a third of its score and not two', 'TasksModule', 'libraries/Settlement.sol',
    'score * 2 / 3', 'score / 3'],
  ['a claim refunds the scheduler and not the sponsor', 'TasksModule', 'libraries/Settlement.sol',
    '$.unlock(deal.sponsor, _taskPrice(deal));', '$.unlock(deal.workerpoolOwner, _taskPrice(deal));'],
  ['the kitty has no least payment', 'TasksModule', 'libraries/Settlement.sol',
    'Math.max(kitty * KITTY_RATIO / 100, KITTY_MIN)', '(kitty * KITTY_RATIO / 100)'],
  ['consensus is reached a vote too early', 'TasksModule', 'modules/TasksModule.sol',
    'value * deal.trust > (1 + firstValue', 'value * deal.trust >= (1 + firstValue'],
  ['a reveal in its last second is refused', 'TasksModule', 'modules/TasksModule.sol',
    'require(block.timestamp < task.revealDeadline(head));', 'require(block.timestamp + 1 < task.revealDeadline(head));'],
  ['anyone may reopen', 'TasksModule', 'modules/TasksModule.sol',
    'require(msg.sender == deal.workerpoolOwner);\n        require(head.status() == TaskStatus.REVEALING);\n        require(block.timestamp < _finalDeadline(deal));\n        require(block.timestamp >=',
    'require(head.status() == TaskStatus.REVEALING);\n        require(block.timestamp < _finalDeadline(deal));\n        require(block.timestamp >='],
  ['the seal of a reveal is not checked', 'TasksModule', 'modules/TasksModule.sol',
    'require(contribution.seal == keccak256(abi.encodePacked(msg.sender, taskId, resultDigest)));\n\n', '\n'],
  ['an enclave needs no proof', 'TasksModule', 'modules/TasksModule.sol',
    'require(Signatures.isValid(challenge, proof, enclaveSign));', 'Signatures.isValid(challenge, proof, enclaveSign);'],
  ['Boost takes the price from the requester and not from the sponsor', 'BoostModule', 'modules/BoostModule.sol',
    '$.seize(deal.sponsor, _taskPrice(deal), taskId);', '$.seize(deal.requester, _taskPrice(deal), taskId);'],
  ['a Boost push may come at the deadline', 'BoostModule', 'modules/BoostModule.sol',
    'block.timestamp >= deal.deadline) revert("PocoBoost: Deadline reached")',
    'block.timestamp > deal.deadline) revert("PocoBoost: Deadline reached")'],
  ['the workerpool order is not consumed', 'MatchingModule', 'modules/MatchingRules.sol',
    '$.consumed(m.workerpoolHash, m.workerpoolWord) + volume\n', '$.consumed(m.workerpoolHash, m.workerpoolWord)\n'],
  ['the terms of an absent dataset count', 'MatchingModule', 'modules/MatchingRules.sol',
    'if (m.hasDataset) _demand(request.datasetmaxprice', '_demand(request.datasetmaxprice'],
  ['SRLC may be sent to the hub', 'EscrowModule', 'modules/EscrowModule.sol',
    'if (to == address(this)) revert HubCannotReceive();\n        $.transfer', '$.transfer'],
  ['a result is delivered before its task is settled', 'TasksModule', 'modules/TasksModule.sol',
    'task.head = head.withStatus(TaskStatus.COMPLETED);\n        ResultRecords.write(',
    'if (deal.callback != address(0)) Settlement.callBack(deal.callback, taskId, resultsCallback);\n        task.head = head.withStatus(TaskStatus.COMPLETED);\n        ResultRecords.write('],
  ['a Boost result is delivered before its task is settled', 'BoostModule', 'modules/BoostModule.sol',
    'HubStorage.load().tasks[taskId].head = uint256(0).withStatus(TaskStatus.COMPLETED);\n',
    'if (deal.callback != address(0)) Settlement.callBack(deal.callback, taskId, resultsCallback);\n        HubStorage.load().tasks[taskId].head = uint256(0).withStatus(TaskStatus.COMPLETED);\n'],
  ['tokens leave before the balance is lowered', 'EscrowModule', 'modules/EscrowModule.sol',
    '$.burn(msg.sender, amount);\n        _noteMove();\n        if (!IERC20($.baseToken).transfer(target, amount)) revert TransferFailed();',
    '_noteMove();\n        if (!IERC20($.baseToken).transfer(target, amount)) revert TransferFailed();\n        $.burn(msg.sender, amount);'],
  ['a surplus is found in the middle of a deposit', 'EscrowModule', 'modules/EscrowModule.sol',
    'if (_haveTokensMoved()) revert TokensInMotion();\n', '\n'],
  ['a token that refuses a withdrawal is believed', 'EscrowModule', 'modules/EscrowModule.sol',
    'if (!IERC20($.baseToken).transfer(target, amount)) revert TransferFailed();',
    'IERC20($.baseToken).transfer(target, amount);'],
  ['a token that refuses a deposit is believed', 'EscrowModule', 'modules/EscrowModule.sol',
    'if (!IERC20($.baseToken).transferFrom(from, address(this), amount)) revert("failed-transferFrom");',
    'IERC20($.baseToken).transferFrom(from, address(this), amount);'],
  ['an answer that is too short is a signature', 'MatchingModule', 'libraries/Signatures.sol',
    'ok := and(and(ok, gt(returndatasize(), 0x1f)), eq(mload(0x00), expected))', 'ok := and(ok, eq(mload(0x00), expected))'],
  ['a workerpool of elsewhere need not be registered', 'MatchingModule', 'modules/MatchingRules.sol',
    '_demand(IRegistry(registry).isRegistered(asset), code);', '_demand(IRegistry(registry).isRegistered(asset) || code == 0x40, code);'],
  ['a task can be claimed after it was completed', 'TasksModule', 'modules/TasksModule.sol',
    'require(head.status() == TaskStatus.ACTIVE || head.status() == TaskStatus.REVEALING);', 'require(head.status() != TaskStatus.FAILED);'],
];

const sources = readSources();
const found = FAULTS.map(([fault, contract, file, sound, faulty]) => {
  const path = `src/${file}`;
  const parts = sources[path].split(sound);
  if (parts.length !== 2) throw new Error(`${path} holds ${parts.length - 1} times what the fault "${fault}" replaces`);
  const code = compile({ ...sources, [path]: parts.join(faulty) }, contract)[contract].evm.deployedBytecode.object;
  return { fault, contract, code: `0x${code}` };
});
console.log(JSON.stringify(found));
