// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {KITTY} from "../../src/libraries/Constants.sol";
import {vm} from "../Vm.sol";
import {World} from "../World.sol";

/// A deal, classic or Boost, as its maker knows it.
struct KnownDeal {
    bytes32 id;
    bool boost;
    address sponsor;
    address appOwner;
    address datasetOwner;
    address scheduler;
    uint256 appPrice;
    uint256 datasetPrice;
    uint256 workerpoolPrice;
    uint256 workerStake;
    uint256 rewardRatio;
    uint256 trust;
    uint256 botFirst;
    uint256 botSize;
    address callback;
}

/// What a worker said, with the logarithm of its credibility then.
struct Voice {
    address worker;
    uint256 choice;
    uint256 weight;
    bool proved;
    /// Whether the seal names the worker.
    bool sealedWell;
}

struct KnownTask {
    bytes32 id;
    uint256 deal;
    uint256 index;
    bool finished;
    /// Hash of everything that the hub tells about a finished task.
    bytes32 seal;
}

/// What every account must have by the rules, in plain numbers, and the first contradiction that was seen.
abstract contract Books is World {
    /// Tokens, free and frozen escrow together; frozen escrow alone.
    mapping(address account => uint256) public wealth;
    mapping(address account => uint256) public frozen;
    mapping(address account => uint256) internal scores;
    /// Sent to the hub outside deposits.
    uint256 public donated;
    string public contradiction;

    KnownDeal[] internal deals;
    KnownTask[] internal tasks;
    mapping(bytes32 taskId => Voice[]) internal voices;
    mapping(bytes32 taskId => bool) internal known;

    /// Times that an action was tried and that it took effect.
    mapping(bytes32 action => uint256) public tried;
    mapping(bytes32 action => uint256) public done;
    uint256 public calls;

    function _openBooks() internal {
        for (uint256 i = 0; i < ACTORS; ++i) {
            wealth[actors[i]] = WEALTH;
            // Earned before: from what counts as nothing to what decides alone.
            scores[actors[i]] = i * i;
            _setScore(actors[i], i * i);
        }
    }

    function _contradict(bool condition, string memory what) internal {
        if (condition && bytes(contradiction).length == 0) contradiction = what;
    }

    /// Calls the hub for `sender` and counts it.
    function _send(bytes32 action, address sender, bytes memory data) internal returns (bool ok, bytes memory answer) {
        ++tried[action];
        ++calls;
        vm.prank(sender);
        (ok, answer) = address(hub).call(data);
        if (ok) ++done[action];
    }

    function _move(address from, address to, uint256 value) internal {
        wealth[from] -= value;
        wealth[to] += value;
    }

    function _price(KnownDeal memory deal) internal pure returns (uint256) {
        return deal.appPrice + deal.datasetPrice + deal.workerpoolPrice;
    }

    function _stake(KnownDeal memory deal) internal pure returns (uint256) {
        return deal.workerpoolPrice * 30 / 100;
    }

    function _allFrozen() internal view returns (uint256 sum) {
        sum = hub.frozenOf(KITTY);
        for (uint256 i = 0; i < ACTORS; ++i) {
            sum += hub.frozenOf(actors[i]);
        }
    }

    /// What is locked for the task ends; the price changes hands, the kitty helps the scheduler.
    function _bookSuccess(KnownDeal memory deal) internal returns (uint256 unlocked) {
        uint256 price = _price(deal);
        frozen[deal.sponsor] -= price;
        frozen[deal.scheduler] -= _stake(deal);
        wealth[deal.sponsor] -= price;
        wealth[deal.appOwner] += deal.appPrice;
        wealth[deal.datasetOwner] += deal.datasetPrice;
        uint256 kitty = frozen[KITTY];
        uint256 part = kitty / 10 < 1e9 ? 1e9 : kitty / 10;
        if (part > kitty) part = kitty;
        frozen[KITTY] -= part;
        wealth[KITTY] -= part;
        wealth[deal.scheduler] += part;
        return price + _stake(deal) + part;
    }

    /// Shares among those who revealed; a wrong or silent worker loses its stake and a third of its score.
    function _bookVoices(KnownDeal memory deal, bytes32 taskId) internal returns (uint256 unlocked) {
        Voice[] storage said = voices[taskId];
        uint256 pot = deal.workerpoolPrice;
        uint256 total;
        for (uint256 i = 0; i < said.length; ++i) {
            if (said[i].proved) total += said[i].weight;
            else pot += deal.workerStake;
        }
        uint256 part = pot * (100 - deal.rewardRatio) / 100;
        for (uint256 i = 0; i < said.length; ++i) {
            address worker = said[i].worker;
            frozen[worker] -= deal.workerStake;
            if (said[i].proved) {
                uint256 share = part * said[i].weight / total;
                wealth[worker] += share;
                pot -= share;
                if (said.length > 1) ++scores[worker];
            } else {
                wealth[worker] -= deal.workerStake;
                scores[worker] = scores[worker] * 2 / 3;
            }
        }
        wealth[deal.scheduler] += pot;
        return deal.workerStake * said.length;
    }

    /// The pay of a task that one worker finishes at once.
    function _bookOne(KnownDeal memory deal, address worker) internal {
        uint256 part = deal.workerpoolPrice * (100 - deal.rewardRatio) / 100;
        wealth[worker] += part;
        wealth[deal.scheduler] += deal.workerpoolPrice - part;
    }

    /// The sponsor gets its price back, the workers their stakes, the kitty the scheduler's.
    function _bookFailure(KnownDeal memory deal, bytes32 taskId) internal returns (uint256 unlocked) {
        uint256 stake = _stake(deal);
        frozen[deal.sponsor] -= _price(deal);
        frozen[deal.scheduler] -= stake;
        wealth[deal.scheduler] -= stake;
        frozen[KITTY] += stake;
        wealth[KITTY] += stake;
        Voice[] storage said = voices[taskId];
        for (uint256 i = 0; i < said.length; ++i) {
            frozen[said[i].worker] -= deal.workerStake;
        }
        return _price(deal) + deal.workerStake * said.length;
    }

    function _sealOf(KnownTask memory task) internal view returns (bytes32) {
        bytes memory all = abi.encode(hub.viewTask(task.id), hub.viewDealBoost(deals[task.deal].id));
        for (uint256 i = 0; i < ACTORS; ++i) {
            all = bytes.concat(all, abi.encode(hub.viewContribution(task.id, actors[i])));
        }
        return keccak256(all);
    }

    /// `unlocked` is what the task had locked, less what goes on being locked in the kitty.
    function _finish(uint256 at, uint256 frozenBefore, uint256 ownBefore, uint256 unlocked) internal {
        tasks[at].finished = true;
        tasks[at].seal = _sealOf(tasks[at]);
        _contradict(frozenBefore - _allFrozen() != unlocked, "a task released what it had not locked");
        _contradict(ownBefore - hub.balanceOf(address(hub)) != unlocked, "a task paid out what was not locked for it");
    }
}
