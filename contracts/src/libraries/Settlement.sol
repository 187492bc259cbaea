// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ITasks} from "../interfaces/ITasks.sol";
import {ContributionStatus} from "../types/Records.sol";
import {KITTY, KITTY_MIN, KITTY_RATIO, WORKERPOOL_STAKE_RATIO} from "./Constants.sol";
import {Terms} from "./DealRecords.sol";
import {HubStorage, TaskRecord} from "./HubStorage.sol";
import {Ledger} from "./Ledger.sol";
import {TaskWords} from "./TaskWords.sol";

/// ERC-1154 consumer of results.
interface IResultConsumer {
    function receiveResult(bytes32 taskId, bytes calldata result) external;
}

/// Who gets what when a classic task ends.
library Settlement {
    using Ledger for HubStorage.Layout;
    using TaskWords for uint256;

    /// Takes the price of the task from the sponsor, pays app and dataset, frees the scheduler's stake and gives it
    /// its part of the kitty.
    function succeed(Terms memory deal, bytes32 taskId) internal {
        HubStorage.Layout storage $ = HubStorage.load();
        address scheduler = deal.workerpoolOwner;
        $.seize(deal.sponsor, _taskPrice(deal), taskId);
        if (deal.appPrice != 0) $.reward(deal.appOwner, deal.appPrice, taskId);
        if (deal.datasetPrice != 0) $.reward(deal.datasetOwner, deal.datasetPrice, taskId);
        $.unlock(scheduler, _poolStake(deal));
        uint256 kitty = $.frozenOf(KITTY);
        if (kitty != 0) {
            uint256 fraction = kittyFraction(kitty);
            $.seize(KITTY, fraction, taskId);
            $.reward(scheduler, fraction, taskId);
        }
    }

    /// What a success takes out of a kitty of `kitty` nRLC.
    function kittyFraction(uint256 kitty) internal pure returns (uint256) {
        return Math.min(Math.max(kitty * KITTY_RATIO / 100, KITTY_MIN), kitty);
    }

    /// Shares the workerpool price and the stakes of wrong workers among right workers, by weight, and the scheduler.
    function distribute(
        Terms memory deal,
        bytes32 taskId,
        TaskRecord storage task,
        address last,
        uint256 count
    ) internal {
        HubStorage.Layout storage $ = HubStorage.load();
        (address[] memory workers, uint256[] memory words) = _contributions(task, last, count);
        uint256 proved;
        uint256 totalWeight;
        for (uint256 i = 0; i < count; ++i) {
            if (words[i].contributionStatus() != ContributionStatus.PROVED) continue;
            ++proved;
            totalWeight += words[i].weight();
        }
        uint256 rest = deal.workerpoolPrice + deal.workerStake * (count - proved);
        uint256 workersPart = rest * (100 - deal.schedulerRewardRatio) / 100;
        for (uint256 i = 0; i < count; ++i) {
            address worker = workers[i];
            uint256 score = $.scoreOf(worker);
            if (words[i].contributionStatus() == ContributionStatus.PROVED) {
                // 96 and 8 bits: the product cannot overflow
                uint256 share = workersPart * words[i].weight() / totalWeight;
                rest -= share;
                $.unlock(worker, deal.workerStake);
                $.reward(worker, share, taskId);
                if (count > 1) {
                    $.setScore(worker, score + 1);
                    emit ITasks.AccurateContribution(worker, taskId);
                }
            } else {
                $.seize(worker, deal.workerStake, taskId);
                $.setScore(worker, score * 2 / 3);
                emit ITasks.FaultyContribution(worker, taskId);
            }
        }
        $.reward(deal.workerpoolOwner, rest, taskId);
    }

    /// The same for one worker that contributed and finalized in one step, without stake and score.
    function payAtOnce(Terms memory deal, bytes32 taskId, address worker) internal {
        HubStorage.Layout storage $ = HubStorage.load();
        uint256 part = deal.workerpoolPrice * (100 - deal.schedulerRewardRatio) / 100;
        $.reward(worker, part, taskId);
        $.reward(deal.workerpoolOwner, deal.workerpoolPrice - part, taskId);
    }

    /// Refunds the sponsor; the scheduler's stake goes to the kitty.
    function fail(Terms memory deal, bytes32 taskId) internal {
        HubStorage.Layout storage $ = HubStorage.load();
        uint256 stake = _poolStake(deal);
        $.unlock(deal.sponsor, _taskPrice(deal));
        $.seize(deal.workerpoolOwner, stake, taskId);
        $.feedKitty(stake, taskId);
    }

    /// Frees the stakes of all contributors.
    function refund(Terms memory deal, TaskRecord storage task, uint256 count) internal {
        if (count == 0) return;
        HubStorage.Layout storage $ = HubStorage.load();
        (address[] memory workers,) = _contributions(task, task.tail.lastContributor(), count);
        for (uint256 i = 0; i < count; ++i) {
            $.unlock(workers[i], deal.workerStake);
        }
    }

    /// Delivers callback data to a consumer. Its success does not matter and its answer is not copied; that enough gas
    /// is left proves that it was given its whole allowance.
    function callBack(address consumer, bytes32 taskId, bytes calldata data) internal returns (bool hadEnoughGas) {
        uint256 allowance = HubStorage.load().callbackGas;
        bytes memory message = abi.encodeCall(IResultConsumer.receiveResult, (taskId, data));
        assembly ("memory-safe") {
            pop(call(allowance, consumer, 0, add(message, 0x20), mload(message), 0, 0))
        }
        return gasleft() > allowance / 63;
    }

    /// Contributors in order, and their packed words.
    function _contributions(TaskRecord storage task, address last, uint256 count)
        private
        view
        returns (address[] memory workers, uint256[] memory words)
    {
        workers = new address[](count);
        words = new uint256[](count);
        for (uint256 i = count; i != 0;) {
            unchecked {
                --i; // above 0
            }
            uint256 word = task.contributions[last].word;
            workers[i] = last;
            words[i] = word;
            last = word.previousContributor();
        }
    }

    function _taskPrice(Terms memory deal) private pure returns (uint256) {
        return deal.appPrice + deal.datasetPrice + deal.workerpoolPrice;
    }

    function _poolStake(Terms memory deal) private pure returns (uint256) {
        return deal.workerpoolPrice * WORKERPOOL_STAKE_RATIO / 100;
    }
}
