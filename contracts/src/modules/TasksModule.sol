// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ITasks} from "../interfaces/ITasks.sol";
import {ContributionStatus, TaskStatus} from "../types/Records.sol";
import {CONTRIBUTION_DEADLINE_RATIO, FINAL_DEADLINE_RATIO, REVEAL_DEADLINE_RATIO} from "../libraries/Constants.sol";
import {CONTRIBUTORS_MAX, TAG_TEE} from "../libraries/Constants.sol";
import {CodeRecords} from "../libraries/CodeRecords.sol";
import {DealRecords, Terms} from "../libraries/DealRecords.sol";
import {ContributionRecord, HubStorage, TaskRecord} from "../libraries/HubStorage.sol";
import {Ledger} from "../libraries/Ledger.sol";
import {ResultRecords} from "../libraries/ResultRecords.sol";
import {Settlement} from "../libraries/Settlement.sol";
import {Signatures} from "../libraries/Signatures.sol";
import {TaskWords} from "../libraries/TaskWords.sol";

/// The life of a classic task. `require` without a message is the failure form of this interface.
contract TasksModule is ITasks {
    using Ledger for HubStorage.Layout;
    using TaskWords for uint256;
    using TaskWords for TaskRecord;

    function initialize(bytes32 dealId, uint256 index) external returns (bytes32) {
        return _initialize(dealId, index);
    }

    function initializeArray(bytes32[] calldata dealIds, uint256[] calldata indexes) external returns (bool) {
        require(dealIds.length == indexes.length);
        for (uint256 i = 0; i < dealIds.length; ++i) {
            _initialize(dealIds[i], indexes[i]);
        }
        return true;
    }

    function contribute(
        bytes32 taskId,
        bytes32 resultHash,
        bytes32 resultSeal,
        address enclaveChallenge,
        bytes calldata enclaveSign,
        bytes calldata authorizationSign
    ) external {
        HubStorage.Layout storage $ = HubStorage.load();
        TaskRecord storage task = $.tasks[taskId];
        uint256 head = task.head;
        require(head.status() == TaskStatus.ACTIVE);
        Terms memory deal = DealRecords.load(head.dealRecord());
        require(block.timestamp < _contributionDeadline(deal));
        ContributionRecord storage contribution = task.contributions[msg.sender];
        require(contribution.word == 0);
        if (head.contributors() == CONTRIBUTORS_MAX) revert TooManyContributors();
        _checkEnclave(deal, taskId, resultHash, resultSeal, enclaveChallenge, enclaveSign, authorizationSign);

        uint256 flags;
        if (enclaveChallenge != address(0)) {
            contribution.challenge = enclaveChallenge;
            flags = TaskWords.CHALLENGE;
        }
        contribution.seal = resultSeal;
        $.lock(msg.sender, deal.workerStake);
        emit TaskContribute(taskId, msg.sender, resultHash);
        _vote(task, contribution, taskId, head, flags, resultHash, deal);
    }

    function reveal(bytes32 taskId, bytes32 resultDigest) external {
        TaskRecord storage task = HubStorage.load().tasks[taskId];
        uint256 head = task.head;
        require(head.status() == TaskStatus.REVEALING);
        require(block.timestamp < task.revealDeadline(head));
        ContributionRecord storage contribution = task.contributions[msg.sender];
        uint256 word = contribution.word;
        require(word.contributionStatus() == ContributionStatus.CONTRIBUTED);

        bool onFirst = head & TaskWords.ON_FIRST != 0;
        bytes32 consensus = onFirst ? task.first : task.consensus;
        if (head.reveals() == 0) {
            // The slot of the consensus hash holds its digest from here on.
            require(consensus == keccak256(abi.encodePacked(taskId, resultDigest)));
            if (onFirst) task.first = resultDigest;
            else task.consensus = resultDigest;
        } else {
            require(consensus == resultDigest);
        }
        // A member of the consensus group: of the first group, or with that hash of its own.
        bool own = word & TaskWords.OWN_HASH != 0;
        require(own != onFirst);
        if (own) require(contribution.ownHash == keccak256(abi.encodePacked(taskId, resultDigest)));
        require(contribution.seal == keccak256(abi.encodePacked(msg.sender, taskId, resultDigest)));

        contribution.word = word.withContributionStatus(ContributionStatus.PROVED);
        contribution.seal = bytes32(0); // can be recomputed from the digest
        task.head = head + TaskWords.ONE_REVEAL; // at most the number of winners
        emit TaskReveal(taskId, msg.sender, resultDigest);
    }

    function reopen(bytes32 taskId) external {
        TaskRecord storage task = HubStorage.load().tasks[taskId];
        uint256 head = task.head;
        Terms memory deal = DealRecords.load(head.dealRecord());
        require(msg.sender == deal.workerpoolOwner);
        require(head.status() == TaskStatus.REVEALING);
        require(block.timestamp < _finalDeadline(deal));
        require(block.timestamp >= task.revealDeadline(head) && head.reveals() == 0);

        uint256 tail = task.tail;
        bool onFirst = head & TaskWords.ON_FIRST != 0;
        bytes32 consensus = task.consensus;
        for (address worker = tail.lastContributor(); worker != address(0);) {
            ContributionRecord storage contribution = task.contributions[worker];
            uint256 word = contribution.word;
            bool own = word & TaskWords.OWN_HASH != 0;
            if (onFirst ? !own : (own && contribution.ownHash == consensus)) {
                contribution.word = word.withContributionStatus(ContributionStatus.REJECTED);
            }
            worker = word.previousContributor();
        }
        if (onFirst) {
            task.tail = task.packTail(tail.lastContributor(), 0);
            head = head.withoutFirstMembers();
        } else {
            task.others -= task.groups[consensus];
            task.groups[consensus] = 0;
            task.consensus = bytes32(0);
        }
        task.head = head.withoutConsensus();
        emit TaskReopen(taskId);
    }

    function finalize(bytes32 taskId, bytes calldata results, bytes calldata resultsCallback) external {
        TaskRecord storage task = HubStorage.load().tasks[taskId];
        uint256 head = task.head;
        Terms memory deal = DealRecords.load(head.dealRecord());
        require(msg.sender == deal.workerpoolOwner);
        require(head.status() == TaskStatus.REVEALING);
        require(block.timestamp < _finalDeadline(deal));
        require(
            head.reveals() == head.winners()
                || (head.reveals() != 0 && block.timestamp >= task.revealDeadline(head))
        );
        // With reveals, the slot of the consensus hash holds the digest.
        bytes32 digest = head & TaskWords.ON_FIRST != 0 ? task.first : task.consensus;
        _checkCallbackData(deal, resultsCallback, digest);

        task.head = head.withStatus(TaskStatus.COMPLETED);
        ResultRecords.write(taskId, results, resultsCallback);
        Settlement.succeed(deal, taskId);
        Settlement.distribute(deal, taskId, task, task.tail.lastContributor(), head.contributors());
        emit TaskFinalize(taskId, results);
        if (deal.callback != address(0)) assert(Settlement.callBack(deal.callback, taskId, resultsCallback));
    }

    function contributeAndFinalize(
        bytes32 taskId,
        bytes32 resultDigest,
        bytes calldata results,
        bytes calldata resultsCallback,
        address enclaveChallenge,
        bytes calldata enclaveSign,
        bytes calldata authorizationSign
    ) external {
        TaskRecord storage task = HubStorage.load().tasks[taskId];
        uint256 head = task.head;
        require(head.status() == TaskStatus.ACTIVE);
        Terms memory deal = DealRecords.load(head.dealRecord());
        require(block.timestamp < _contributionDeadline(deal));
        require(head.contributors() == 0);
        require(deal.trust == 1);
        _checkCallbackData(deal, resultsCallback, resultDigest);
        bytes32 resultHash = keccak256(abi.encodePacked(taskId, resultDigest));
        bytes32 resultSeal = keccak256(abi.encodePacked(msg.sender, taskId, resultDigest));
        _checkEnclave(deal, taskId, resultHash, resultSeal, enclaveChallenge, enclaveSign, authorizationSign);

        // The contribution has no slots of its own: everything follows from worker, digest and challenge.
        head = task.withConsensus(head, 1, block.timestamp + REVEAL_DEADLINE_RATIO * deal.timeRef);
        head += TaskWords.ONE_CONTRIBUTOR + TaskWords.ONE_REVEAL; // both counters were 0
        task.head = head.withStatus(TaskStatus.COMPLETED) | TaskWords.ONE_STEP;
        task.tail = task.packTail(msg.sender, 0);
        ResultRecords.writeOneStep(taskId, resultDigest, enclaveChallenge, results, resultsCallback);
        Settlement.succeed(deal, taskId);
        Settlement.payAtOnce(deal, taskId, msg.sender);
        emit TaskContribute(taskId, msg.sender, resultHash);
        emit TaskConsensus(taskId, resultHash);
        emit TaskReveal(taskId, msg.sender, resultDigest);
        emit TaskFinalize(taskId, results);
        if (deal.callback != address(0)) assert(Settlement.callBack(deal.callback, taskId, resultsCallback));
    }

    function claim(bytes32 taskId) external {
        _claim(taskId);
    }

    function claimArray(bytes32[] calldata taskIds) external returns (bool) {
        for (uint256 i = 0; i < taskIds.length; ++i) {
            _claim(taskIds[i]);
        }
        return true;
    }

    function initializeAndClaimArray(bytes32[] calldata dealIds, uint256[] calldata indexes)
        external
        returns (bool)
    {
        require(dealIds.length == indexes.length);
        for (uint256 i = 0; i < dealIds.length; ++i) {
            _claim(_initialize(dealIds[i], indexes[i]));
        }
        return true;
    }

    function _initialize(bytes32 dealId, uint256 index) private returns (bytes32 taskId) {
        address record = DealRecords.addressOf(dealId);
        Terms memory deal = DealRecords.load(record);
        require(index >= deal.botFirst && index - deal.botFirst < deal.botSize);
        taskId = keccak256(abi.encodePacked(dealId, index));
        TaskRecord storage task = HubStorage.load().tasks[taskId];
        require(task.head == 0);
        _finalDeadline(deal); // the greater of the two deadlines must be a number
        uint256 head = uint256(uint160(record)).withStatus(TaskStatus.ACTIVE);
        task.head = task.withIndex(head, index - deal.botFirst);
        emit TaskInitialize(taskId, deal.workerpool);
    }

    function _claim(bytes32 taskId) private {
        HubStorage.Layout storage $ = HubStorage.load();
        TaskRecord storage task = $.tasks[taskId];
        uint256 head = task.head;
        require(head.status() == TaskStatus.ACTIVE || head.status() == TaskStatus.REVEALING);
        Terms memory deal = DealRecords.load(head.dealRecord());
        require(block.timestamp >= _finalDeadline(deal));
        task.head = head.withStatus(TaskStatus.FAILED);
        Settlement.fail(deal, taskId);
        Settlement.refund(deal, task, head.contributors());
        emit TaskClaimed(taskId);
    }

    /// Records the contribution in its group and detects consensus.
    function _vote(
        TaskRecord storage task,
        ContributionRecord storage contribution,
        bytes32 taskId,
        uint256 head,
        uint256 flags,
        bytes32 resultHash,
        Terms memory deal
    ) private {
        uint256 tail = task.tail;
        uint256 weight = _weight(HubStorage.load().scoreOf(msg.sender));
        bool isFirst = head.contributors() == 0;
        if (isFirst) task.first = resultHash;
        bool joinsFirst = isFirst || task.first == resultHash;
        uint256 firstValue = task.firstValue(tail);
        uint256 others = head & TaskWords.DISSENT != 0 ? task.others : 0;
        uint256 value;
        if (joinsFirst) {
            value = Math.max(firstValue, 1) * weight;
            firstValue = value;
            head += TaskWords.ONE_FIRST_MEMBER; // at most CONTRIBUTORS_MAX
        } else {
            uint256 before = task.groups[resultHash];
            value = Math.max(before, 1) * weight;
            others = others + (value - before); // weight is at least 2, so a group only grows
            task.groups[resultHash] = value;
            task.others = others;
            contribution.ownHash = resultHash;
            flags |= TaskWords.OWN_HASH;
            head |= TaskWords.DISSENT;
        }
        contribution.word = TaskWords.contribution(tail.lastContributor(), Math.log2(weight), flags);
        task.tail = task.packTail(msg.sender, firstValue);
        head += TaskWords.ONE_CONTRIBUTOR; // at most CONTRIBUTORS_MAX
        if (value * deal.trust > (1 + firstValue + others) * (deal.trust - 1)) {
            uint256 winners = joinsFirst ? head.firstMembers() : _countMembers(task, resultHash);
            if (joinsFirst) head |= TaskWords.ON_FIRST;
            else task.consensus = resultHash;
            head = task.withConsensus(head, winners, block.timestamp + REVEAL_DEADLINE_RATIO * deal.timeRef);
            emit TaskConsensus(taskId, resultHash);
        }
        task.head = head;
    }

    /// Standing contributions on a hash other than the first one.
    function _countMembers(TaskRecord storage task, bytes32 hash) private view returns (uint256 members) {
        for (address worker = task.tail.lastContributor(); worker != address(0);) {
            ContributionRecord storage contribution = task.contributions[worker];
            uint256 word = contribution.word;
            bool stands = word.contributionStatus() == ContributionStatus.CONTRIBUTED;
            if (stands && word & TaskWords.OWN_HASH != 0 && contribution.ownHash == hash) ++members;
            worker = word.previousContributor();
        }
    }

    /// Enclave, authorization and enclave proof: the last three requirements of both contributions.
    function _checkEnclave(
        Terms memory deal,
        bytes32 taskId,
        bytes32 resultHash,
        bytes32 resultSeal,
        address challenge,
        bytes calldata enclaveSign,
        bytes calldata authorizationSign
    ) private view {
        require(challenge != address(0) || deal.tag & TAG_TEE == 0);
        address signer = deal.workerpoolOwner;
        if (challenge != address(0)) {
            address broker = HubStorage.load().teeBroker;
            if (broker != address(0)) signer = broker;
        }
        bytes32 authorization = Signatures.personal(keccak256(abi.encodePacked(msg.sender, taskId, challenge)));
        require(Signatures.isValid(signer, authorization, authorizationSign));
        if (challenge != address(0)) {
            bytes32 proof = Signatures.personal(keccak256(abi.encodePacked(resultHash, resultSeal)));
            require(Signatures.isValid(challenge, proof, enclaveSign));
        }
    }

    /// Callback data must be what was agreed on; there is none without a consumer.
    function _checkCallbackData(Terms memory deal, bytes calldata data, bytes32 digest) private pure {
        require((deal.callback == address(0) && data.length == 0) || keccak256(data) == digest);
    }

    /// Credibility of a worker: at least 2.
    function _weight(uint256 score) private pure returns (uint256) {
        return Math.max(score / 3, 3) - 1;
    }

    function _contributionDeadline(Terms memory deal) private pure returns (uint256) {
        return deal.startTime + CONTRIBUTION_DEADLINE_RATIO * deal.timeRef;
    }

    function _finalDeadline(Terms memory deal) private pure returns (uint256) {
        return deal.startTime + FINAL_DEADLINE_RATIO * deal.timeRef;
    }
}
