// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IBoost} from "../interfaces/IBoost.sol";
import {IMatching} from "../interfaces/IMatching.sol";
import {ITasks} from "../interfaces/ITasks.sol";
import {AppOrder, DatasetOrder, RequestOrder, WorkerpoolOrder} from "../types/Orders.sol";
import {DealBoost, TaskStatus} from "../types/Records.sol";
import {BoostRecords} from "../libraries/BoostRecords.sol";
import {CONTRIBUTION_DEADLINE_RATIO, KITTY, WORKERPOOL_STAKE_RATIO} from "../libraries/Constants.sol";
import {HubStorage} from "../libraries/HubStorage.sol";
import {Ledger} from "../libraries/Ledger.sol";
import {Settlement} from "../libraries/Settlement.sol";
import {Signatures} from "../libraries/Signatures.sol";
import {TaskWords} from "../libraries/TaskWords.sol";
import {Match, MatchingRules} from "./MatchingRules.sol";

/// The unindexed members of `SchedulerNoticeBoost`.
struct Notice {
    bytes32 dealId;
    address app;
    address dataset;
    uint256 category;
    bytes32 tag;
    string params;
    address beneficiary;
}

/// Boost deals: matched by the classic rules, settled by one push per task.
contract BoostModule is IBoost, MatchingRules {
    using Ledger for HubStorage.Layout;
    using SafeCast for uint256;
    using TaskWords for uint256;

    function matchOrdersBoost(
        AppOrder calldata appOrder,
        DatasetOrder calldata datasetOrder,
        WorkerpoolOrder calldata workerpoolOrder,
        RequestOrder calldata requestOrder
    ) external returns (bytes32) {
        _demand(requestOrder.trust <= 1, 0x02);
        Match memory m = _check(appOrder, datasetOrder, workerpoolOrder, requestOrder, true);
        return _makeDeal(m, appOrder, datasetOrder, workerpoolOrder, requestOrder, requestOrder.requester);
    }

    function sponsorMatchOrdersBoost(
        AppOrder calldata appOrder,
        DatasetOrder calldata datasetOrder,
        WorkerpoolOrder calldata workerpoolOrder,
        RequestOrder calldata requestOrder
    ) external returns (bytes32 dealId) {
        _demand(requestOrder.trust <= 1, 0x02);
        Match memory m = _check(appOrder, datasetOrder, workerpoolOrder, requestOrder, false);
        dealId = _makeDeal(m, appOrder, datasetOrder, workerpoolOrder, requestOrder, msg.sender);
        emit DealSponsoredBoost(dealId, msg.sender);
    }

    function pushResultBoost(
        bytes32 dealId,
        uint256 index,
        bytes calldata results,
        bytes calldata resultsCallback,
        bytes calldata authorizationSign,
        address enclaveChallenge,
        bytes calldata enclaveSign
    ) external {
        DealBoost memory deal = BoostRecords.load(dealId);
        bytes32 taskId = _openTask(deal, dealId, index);
        if (block.timestamp >= deal.deadline) revert("PocoBoost: Deadline reached");
        bytes32 digest = keccak256(deal.callback == address(0) ? results : resultsCallback);
        _checkWork(deal, taskId, digest, authorizationSign, enclaveChallenge, enclaveSign);

        HubStorage.load().tasks[taskId].head = uint256(0).withStatus(TaskStatus.COMPLETED);
        _settle(deal, taskId);
        emit ResultPushedBoost(dealId, index, results);
        if (deal.callback == address(0)) return;
        if (resultsCallback.length == 0) revert("PocoBoost: Callback requires data");
        if (!Settlement.callBack(deal.callback, taskId, resultsCallback)) {
            revert("PocoBoost: Not enough gas after callback");
        }
    }

    function claimBoost(bytes32 dealId, uint256 index) external {
        HubStorage.Layout storage $ = HubStorage.load();
        DealBoost memory deal = BoostRecords.load(dealId);
        bytes32 taskId = _openTask(deal, dealId, index);
        if (block.timestamp < deal.deadline) revert("PocoBoost: Deadline not reached");
        $.tasks[taskId].head = uint256(0).withStatus(TaskStatus.FAILED);
        uint256 stake = _poolStake(deal);
        $.unlock(deal.sponsor, _taskPrice(deal));
        $.seize(deal.workerpoolOwner, stake, taskId);
        $.feedKitty(stake, taskId);
        emit ITasks.TaskClaimed(taskId);
    }

    function viewDealBoost(bytes32 dealId) external view returns (DealBoost memory) {
        return BoostRecords.load(dealId);
    }

    function _makeDeal(
        Match memory m,
        AppOrder calldata app,
        DatasetOrder calldata dataset,
        WorkerpoolOrder calldata workerpool,
        RequestOrder calldata request,
        address sponsor
    ) private returns (bytes32 dealId) {
        _readRatios(m, workerpool.workerpool);
        dealId = keccak256(abi.encodePacked(m.requestHash, m.botFirst));
        DealBoost memory deal;
        deal.appOwner = m.appOwner;
        deal.appPrice = app.appprice.toUint96();
        deal.workerpoolOwner = m.workerpoolOwner;
        deal.workerpoolPrice = workerpool.workerpoolprice.toUint96();
        deal.workerReward = (workerpool.workerpoolprice * (100 - m.schedulerRewardRatio) / 100).toUint96();
        deal.botFirst = m.botFirst.toUint16();
        deal.deadline = (block.timestamp + CONTRIBUTION_DEADLINE_RATIO * m.timeRef).toUint40();
        deal.botSize = m.volume.toUint16();
        if (m.hasDataset) {
            deal.datasetOwner = m.datasetOwner;
            deal.datasetPrice = dataset.datasetprice.toUint96();
        }
        deal.requester = request.requester;
        deal.callback = request.callback;
        deal.shortTag = bytes3(m.tag << 232); // the three low bytes
        deal.sponsor = sponsor;
        _consumeAndLock(m, sponsor, _taskPrice(deal), deal.workerpoolPrice);
        BoostRecords.write(dealId, deal);
        Notice memory notice;
        notice.dealId = dealId;
        notice.app = app.app;
        notice.dataset = dataset.dataset;
        notice.category = request.category;
        notice.tag = m.tag;
        notice.params = request.params;
        notice.beneficiary = request.beneficiary;
        _announce(m, notice, workerpool.workerpool);
    }

    /// Emits `SchedulerNoticeBoost` and `OrdersMatched`. The first has more members than the stack holds at once: it
    /// is encoded as a struct, whose encoding is that of the members behind one word.
    function _announce(Match memory m, Notice memory notice, address workerpool) private {
        bytes memory data = abi.encode(notice);
        bytes32 topic = SchedulerNoticeBoost.selector;
        assembly ("memory-safe") {
            log2(add(data, 0x40), sub(mload(data), 0x20), topic, workerpool)
        }
        emit IMatching.OrdersMatched(
            notice.dealId, m.appHash, m.datasetHash, m.workerpoolHash, m.requestHash, m.volume
        );
    }

    /// The identifier of a task that exists and is not settled. Boost counts indexes from 0 in every deal.
    function _openTask(DealBoost memory deal, bytes32 dealId, uint256 index) private view returns (bytes32 taskId) {
        if (index >= deal.botSize) revert("PocoBoost: Unknown task");
        taskId = keccak256(abi.encodePacked(dealId, index));
        if (HubStorage.load().tasks[taskId].head != 0) revert("PocoBoost: Task status not unset");
    }

    function _checkWork(
        DealBoost memory deal,
        bytes32 taskId,
        bytes32 digest,
        bytes calldata authorizationSign,
        address challenge,
        bytes calldata enclaveSign
    ) private view {
        bool tee = uint24(deal.shortTag) & 1 != 0;
        if (tee && challenge == address(0)) revert("PocoBoost: Tag requires enclave challenge");
        bytes32 authorization = Signatures.personal(keccak256(abi.encodePacked(msg.sender, taskId, challenge)));
        address signer = deal.workerpoolOwner;
        if (challenge != address(0)) {
            address broker = HubStorage.load().teeBroker;
            if (broker != address(0)) signer = broker;
        }
        if (!Signatures.isValid(signer, authorization, authorizationSign)) {
            revert("PocoBoost: Invalid contribution authorization signature");
        }
        if (challenge == address(0)) return;
        bytes32 proof = Signatures.personal(keccak256(abi.encodePacked(msg.sender, taskId, digest)));
        if (!Signatures.isValid(challenge, proof, enclaveSign)) revert("PocoBoost: Invalid enclave signature");
    }

    function _settle(DealBoost memory deal, bytes32 taskId) private {
        HubStorage.Layout storage $ = HubStorage.load();
        $.seize(deal.sponsor, _taskPrice(deal), taskId);
        $.reward(msg.sender, deal.workerReward, taskId);
        if (deal.appPrice != 0) $.reward(deal.appOwner, deal.appPrice, taskId);
        if (deal.datasetPrice != 0) $.reward(deal.datasetOwner, deal.datasetPrice, taskId);
        $.unlock(deal.workerpoolOwner, _poolStake(deal));
        uint256 rest = deal.workerpoolPrice - deal.workerReward;
        uint256 kitty = $.frozenOf(KITTY);
        if (kitty != 0) {
            uint256 fraction = Settlement.kittyFraction(kitty);
            $.seize(KITTY, fraction, taskId);
            rest += fraction;
        }
        $.reward(deal.workerpoolOwner, rest, taskId);
    }

    function _taskPrice(DealBoost memory deal) private pure returns (uint256) {
        return uint256(deal.appPrice) + deal.datasetPrice + deal.workerpoolPrice;
    }

    function _poolStake(DealBoost memory deal) private pure returns (uint256) {
        return uint256(deal.workerpoolPrice) * WORKERPOOL_STAKE_RATIO / 100;
    }

    function _refuse(uint256 code) internal pure override {
        revert(string.concat("PocoBoost: ", _reason(code)));
    }

    /// The text for a classic code.
    function _reason(uint256 code) private pure returns (string memory) {
        if (code == 0x00) return "Category mismatch";
        if (code == 0x01) return "Unknown category";
        if (code == 0x02) return "Bad trust level";
        if (code == 0x03) return "Overpriced app";
        if (code == 0x04) return "Overpriced dataset";
        if (code == 0x05) return "Overpriced workerpool";
        if (code == 0x06) return "Workerpool tag does not match demand";
        if (code == 0x07) return "App tag does not match demand";
        if (code == 0x10) return "App mismatch";
        if (code == 0x11) return "Dataset mismatch";
        if (code == 0x12) return "Workerpool restricted by request order";
        if (code == 0x13) return "Dataset restricted by app order";
        if (code == 0x14) return "Workerpool restricted by app order";
        if (code == 0x15) return "Requester restricted by app order";
        if (code == 0x16) return "App restricted by dataset order";
        if (code == 0x17) return "Workerpool restricted by dataset order";
        if (code == 0x18) return "Requester restricted by dataset order";
        if (code == 0x19) return "App restricted by workerpool order";
        if (code == 0x1a) return "Dataset restricted by workerpool order";
        if (code == 0x1b) return "Requester restricted by workerpool order";
        if (code == 0x20) return "App not registered";
        if (code == 0x21) return "Invalid app order signature";
        if (code == 0x30) return "Dataset not registered";
        if (code == 0x31) return "Invalid dataset order signature";
        if (code == 0x40) return "Workerpool not registered";
        if (code == 0x41) return "Invalid workerpool order signature";
        if (code == 0x50) return "Invalid request order signature";
        return "One or more orders consumed"; // 0x60
    }

    /// The requested trust was checked before everything else; the offered one is not looked at.
    function _checkTrust(uint256, uint256) internal pure override {}

    function _effectiveDatasetTag(bytes32 tag) internal pure override returns (bytes32) {
        return tag;
    }

    function _readsOwnerFirst() internal pure override returns (bool) {
        return false;
    }
}
