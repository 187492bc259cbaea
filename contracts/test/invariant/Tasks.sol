// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBoost} from "../../src/interfaces/IBoost.sol";
import {ITasks} from "../../src/interfaces/ITasks.sol";
import {ContributionStatus, Task, TaskStatus} from "../../src/types/Records.sol";
import {Signing} from "../Orders.sol";
import {vm, within} from "../Vm.sol";
import {KnownDeal, KnownTask, Voice} from "./Books.sol";
import {DealActions} from "./Deals.sol";

/// Tasks live and end, also by wrong callers and at wrong times.
abstract contract TaskActions is DealActions {
    uint256 private constant CHOICES = 2;

    /// Some time later; or the last second before a deadline of a task, or the deadline itself.
    function warp(uint256 seed) external {
        uint256 at = block.timestamp + within(seed >> 8, 1, seed % 32 == 0 ? 3000 : 300);
        (bool found, uint256 which) = seed >> 2 & 3 == 3 ? _silent(seed >> 8) : _pick(seed >> 8);
        if (found && seed % 4 == 1) {
            Task memory task = hub.viewTask(tasks[which].id);
            uint256 kind = seed >> 2 & 3;
            uint256 deadline = kind == 0 ? task.contributionDeadline : kind == 1 ? task.finalDeadline : task.revealDeadline;
            if (deadline > block.timestamp) at = deadline - (seed >> 4 & 1);
        }
        vm.warp(at);
    }

    function initialize(uint256 which, uint256 at) external {
        if (deals.length == 0) return;
        uint256 number = deals.length - 1 - which % (which >> 132 & 3 == 0 || deals.length < 5 ? deals.length : 5);
        KnownDeal memory deal = deals[number];
        uint256 index = deal.botFirst + at % (deal.botSize + (which >> 8 & 31 == 31 ? 1 : 0));
        bytes32 id = keccak256(abi.encodePacked(deal.id, index));
        (bool ok,) = _send("initialize", address(0x57A), abi.encodeCall(ITasks.initialize, (deal.id, index)));
        bool possible = !deal.boost && index < deal.botFirst + deal.botSize && !known[id];
        _contradict(ok != possible, "initialize");
        if (!ok) return;
        known[id] = true;
        tasks.push(KnownTask(id, number, index, false, 0));
    }

    function _digest(uint256 choice) private pure returns (bytes32) {
        return keccak256(abi.encode(choice));
    }

    /// Mostly one of the latest tasks that is not over.
    function _pick(uint256 seed) private view returns (bool found, uint256 at) {
        if (tasks.length == 0) return (false, 0);
        at = tasks.length - 1 - seed % (seed >> 132 & 3 == 0 || tasks.length < 5 ? tasks.length : 5);
        for (uint256 i = 0; i < tasks.length && tasks[at].finished && seed >> 128 & 15 != 0; ++i) {
            at = (at + 1) % tasks.length;
        }
        return (true, at);
    }

    function contribute(uint256 which, uint256 who, uint256 seed) external {
        (bool found, uint256 at) = _pick(which);
        if (!found) return;
        KnownTask memory task = tasks[at];
        KnownDeal memory deal = deals[task.deal];
        address worker = _actor(who);
        uint256 choice = seed % 8 < 6 ? 0 : within(seed >> 3, 0, CHOICES - 1);
        bytes32 hash = keccak256(abi.encodePacked(task.id, _digest(choice)));
        // Now and then the seal is one that another worker made.
        address sealer = seed >> 12 & 7 == 0 ? _actor(who >> 1) : worker;
        bytes32 seal = keccak256(abi.encodePacked(sealer, task.id, _digest(choice)));
        // Now and then the authorization is of another worker.
        address authorized = seed >> 8 & 15 == 0 ? _actor(who >> 1) : worker;
        bytes memory authorization = Signing.authorization(keys[deal.scheduler], authorized, task.id);
        bytes memory data = abi.encodeCall(ITasks.contribute, (task.id, hash, seal, address(0), "", authorization));
        Task memory seen = hub.viewTask(task.id);
        bool possible = seen.status == TaskStatus.ACTIVE && block.timestamp < seen.contributionDeadline
            && !_spoke(task.id, worker) && authorized == worker && hub.balanceOf(worker) >= deal.workerStake;
        (bool ok,) = _send("contribute", worker, data);
        _contradict(ok != possible, "contribute");
        if (!ok) return;
        frozen[worker] += deal.workerStake;
        voices[task.id].push(Voice(worker, choice, _log2(_credibility(scores[worker])), false, sealer == worker));
    }

    function _spoke(bytes32 id, address worker) private view returns (bool) {
        Voice[] storage said = voices[id];
        for (uint256 i = 0; i < said.length; ++i) {
            if (said[i].worker == worker) return true;
        }
        return false;
    }

    function _credibility(uint256 score) private pure returns (uint256) {
        return score < 12 ? 2 : score / 3 - 1;
    }

    function _log2(uint256 value) private pure returns (uint256 log) {
        while (value > 1) (value, log) = (value / 2, log + 1);
    }

    function reveal(uint256 which, uint256 who) external {
        (bool found, uint256 at) = _pick(which);
        if (!found) return;
        bytes32 id = tasks[at].id;
        Voice[] storage said = voices[id];
        if (said.length == 0) return;
        uint256 number = who % said.length;
        address worker = said[number].worker;
        bytes32 digest = _digest(said[number].choice);
        Task memory seen = hub.viewTask(id);
        bool possible = said[number].sealedWell && seen.status == TaskStatus.REVEALING
            && block.timestamp < seen.revealDeadline
            && seen.consensusValue == keccak256(abi.encodePacked(id, digest))
            && hub.viewContribution(id, worker).status == ContributionStatus.CONTRIBUTED;
        (bool ok,) = _send("reveal", worker, abi.encodeCall(ITasks.reveal, (id, digest)));
        _contradict(ok != possible || (ok && said[number].proved), "reveal");
        if (!ok) return;
        said[number].proved = true;
    }

    /// One of the latest tasks with a consensus that nobody revealed yet, or any.
    function _silent(uint256 seed) private view returns (bool found, uint256 at) {
        (found, at) = _pick(seed);
        for (uint256 i = 0; found && i < 12; ++i) {
            uint256 next = (at + i) % tasks.length;
            Task memory seen = hub.viewTask(tasks[next].id);
            if (seen.status == TaskStatus.REVEALING && seen.revealCounter == 0) return (true, next);
        }
    }

    function reopen(uint256 which, uint256 who) external {
        (bool found, uint256 at) = _silent(which);
        if (!found) return;
        KnownTask memory task = tasks[at];
        address sender = who % 2 == 0 ? _actor(who >> 1) : deals[task.deal].scheduler;
        Task memory seen = hub.viewTask(task.id);
        // Waits for the deadline now and then, or a second less.
        if (who >> 8 & 3 == 0 && seen.revealDeadline > block.timestamp) vm.warp(seen.revealDeadline - (who >> 10 & 1));
        bool possible = sender == deals[task.deal].scheduler && seen.status == TaskStatus.REVEALING
            && block.timestamp >= seen.revealDeadline && block.timestamp < seen.finalDeadline && seen.revealCounter == 0;
        (bool ok,) = _send("reopen", sender, abi.encodeCall(ITasks.reopen, (task.id)));
        _contradict(ok != possible, "reopen");
    }

    function finalize(uint256 which, uint256 who, bytes calldata results) external {
        (bool found, uint256 at) = _pick(which);
        if (!found) return;
        KnownTask memory task = tasks[at];
        KnownDeal memory deal = deals[task.deal];
        address sender = who % 8 == 0 ? _actor(who >> 3) : deal.scheduler;
        uint256 own = hub.balanceOf(address(hub));
        uint256 locked = _allFrozen();
        bytes memory forConsumer = deal.callback == address(0) ? bytes("") : _agreed(task.id);
        bytes memory data = abi.encodeCall(ITasks.finalize, (task.id, results, forConsumer));
        bool possible = sender == deal.scheduler && _isRipe(task.id);
        (bool ok,) = _send("finalize", sender, data);
        _contradict(ok != possible, "finalize");
        if (!ok) return;
        uint256 unlocked = _bookSuccess(deal);
        _finish(at, locked, own, unlocked + _bookVoices(deal, task.id));
    }

    /// All winners revealed, or some and the time is over.
    function _isRipe(bytes32 id) private view returns (bool) {
        Task memory seen = hub.viewTask(id);
        if (seen.status != TaskStatus.REVEALING || block.timestamp >= seen.finalDeadline) return false;
        if (seen.revealCounter == seen.winnerCounter) return true;
        return seen.revealCounter != 0 && block.timestamp >= seen.revealDeadline;
    }

    /// The callback data that those who revealed meant.
    function _agreed(bytes32 id) private view returns (bytes memory) {
        Voice[] storage said = voices[id];
        for (uint256 i = 0; i < said.length; ++i) {
            if (said[i].proved) return abi.encode(said[i].choice);
        }
        return "";
    }

    function contributeAndFinalize(uint256 which, uint256 who, bytes calldata results) external {
        (bool found, uint256 at) = _pick(which);
        if (!found) return;
        KnownTask memory task = tasks[at];
        KnownDeal memory deal = deals[task.deal];
        address worker = _actor(who);
        uint256 own = hub.balanceOf(address(hub));
        uint256 locked = _allFrozen();
        bytes memory forConsumer = deal.callback == address(0) ? bytes("") : abi.encode(0);
        bytes memory authorization = Signing.authorization(keys[deal.scheduler], worker, task.id);
        bytes memory data = abi.encodeCall(
            ITasks.contributeAndFinalize,
            (task.id, _digest(0), results, forConsumer, address(0), "", authorization)
        );
        (bool ok,) = _send("contributeAndFinalize", worker, data);
        if (!ok) return;
        _contradict(task.finished || deal.trust != 1 || voices[task.id].length != 0, "finished in one step wrongly");
        uint256 unlocked = _bookSuccess(deal);
        _bookOne(deal, worker);
        _finish(at, locked, own, unlocked);
    }

    function claim(uint256 which) external {
        (bool found, uint256 at) = _pick(which);
        if (!found) return;
        KnownTask memory task = tasks[at];
        uint256 own = hub.balanceOf(address(hub));
        uint256 locked = _allFrozen();
        uint256 finalDeadline = hub.viewTask(task.id).finalDeadline;
        (bool ok,) = _send("claim", address(0x57A), abi.encodeCall(ITasks.claim, (task.id)));
        _contradict(ok != (!task.finished && block.timestamp >= finalDeadline), "claim");
        if (!ok) return;
        uint256 unlocked = _bookFailure(deals[task.deal], task.id);
        _finish(at, locked, own, unlocked);
    }

    /// The next task of a Boost deal; sometimes any of them.
    function _boostTask(uint256 which, uint256 seed) private view returns (bool found, KnownDeal memory deal, uint256 index) {
        for (uint256 i = 0; i < deals.length; ++i) {
            deal = deals[(which % deals.length + i) % deals.length];
            if (!deal.boost) continue;
            for (index = 0; index < deal.botSize; ++index) {
                if (seed & 15 == 0 || !known[keccak256(abi.encodePacked(deal.id, index))]) return (true, deal, index);
            }
        }
        return (false, deal, 0);
    }

    function push(uint256 which, uint256 who, uint256 seed, bytes calldata results) external {
        (bool found, KnownDeal memory deal, uint256 index) = _boostTask(which, seed);
        if (!found) return;
        bytes32 id = keccak256(abi.encodePacked(deal.id, index));
        address worker = _actor(who);
        uint256 own = hub.balanceOf(address(hub));
        uint256 locked = _allFrozen();
        bytes memory forConsumer = deal.callback == address(0) ? bytes("") : abi.encode(0);
        bytes memory data = abi.encodeCall(
            IBoost.pushResultBoost,
            (
                deal.id,
                index,
                results,
                forConsumer,
                Signing.authorization(keys[deal.scheduler], worker, id),
                address(0),
                ""
            )
        );
        uint256 deadline = hub.viewDealBoost(deal.id).deadline;
        // Waits for the deadline now and then, or a second less.
        if (seed >> 4 & 7 == 0 && deadline > block.timestamp) vm.warp(deadline - (seed >> 7 & 1));
        bool possible = !known[id] && block.timestamp < deadline;
        (bool ok,) = _send("push", worker, data);
        _contradict(ok != possible, "push");
        if (!ok) return;
        uint256 unlocked = _bookSuccess(deal);
        _bookOne(deal, worker);
        _addBoost(id, deal.id, index, locked, own, unlocked);
    }

    function claimBoost(uint256 which, uint256 seed) external {
        (bool found, KnownDeal memory deal, uint256 index) = _boostTask(which, seed);
        if (!found) return;
        bytes32 id = keccak256(abi.encodePacked(deal.id, index));
        uint256 own = hub.balanceOf(address(hub));
        uint256 locked = _allFrozen();
        (bool ok,) = _send("claimBoost", address(0x57A), abi.encodeCall(IBoost.claimBoost, (deal.id, index)));
        bool late = block.timestamp >= hub.viewDealBoost(deal.id).deadline;
        _contradict(ok != (late && !known[id]), "claim of a Boost task");
        if (ok) _addBoost(id, deal.id, index, locked, own, _bookFailure(deal, id));
    }

    function _addBoost(bytes32 id, bytes32 dealId, uint256 index, uint256 locked, uint256 own, uint256 unlocked)
        private
    {
        known[id] = true;
        uint256 number = 0;
        while (deals[number].id != dealId) ++number;
        tasks.push(KnownTask(id, number, index, false, 0));
        _finish(tasks.length - 1, locked, own, unlocked);
    }
}
