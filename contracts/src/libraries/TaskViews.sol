// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Contribution, ContributionStatus, Task, TaskStatus} from "../types/Records.sol";
import {CONTRIBUTION_DEADLINE_RATIO, FINAL_DEADLINE_RATIO} from "./Constants.sol";
import {DealRecords, Terms} from "./DealRecords.sol";
import {ContributionRecord, HubStorage, TaskRecord} from "./HubStorage.sol";
import {ResultRecords} from "./ResultRecords.sol";
import {TaskWords} from "./TaskWords.sol";

/// Tasks and contributions as clients see them, put together from what is stored.
library TaskViews {
    using TaskWords for uint256;
    using TaskWords for TaskRecord;

    function viewTask(bytes32 taskId) internal view returns (Task memory view_) {
        TaskRecord storage task = HubStorage.load().tasks[taskId];
        uint256 head = task.head;
        view_.status = head.status();
        // A Boost task has a status and nothing else.
        if (head.dealRecord() == address(0)) return view_;
        Terms memory deal = DealRecords.load(head.dealRecord());
        view_.dealid = deal.dealId;
        view_.idx = deal.botFirst + task.index(head);
        view_.timeref = deal.timeRef;
        view_.contributionDeadline = deal.startTime + CONTRIBUTION_DEADLINE_RATIO * deal.timeRef;
        view_.finalDeadline = deal.startTime + FINAL_DEADLINE_RATIO * deal.timeRef;
        view_.revealDeadline = task.revealDeadline(head);
        view_.revealCounter = head.reveals();
        view_.winnerCounter = head.winners();
        view_.contributors = _contributors(task, head);
        if (head.winners() != 0) {
            (view_.consensusValue, view_.resultDigest) = _consensus(task, taskId, head);
        }
        if (view_.status == TaskStatus.COMPLETED) {
            (view_.results, view_.resultsCallback) = ResultRecords.read(taskId, _isOneStep(head));
        }
    }

    function viewContribution(bytes32 taskId, address worker) internal view returns (Contribution memory view_) {
        TaskRecord storage task = HubStorage.load().tasks[taskId];
        uint256 head = task.head;
        bytes32 digest;
        if (_isOneStep(head)) {
            if (worker != task.tail.lastContributor()) return view_;
            (digest, view_.enclaveChallenge) = ResultRecords.readOneStep(taskId);
            view_.status = ContributionStatus.PROVED;
            view_.resultHash = keccak256(abi.encodePacked(taskId, digest));
            view_.resultSeal = keccak256(abi.encodePacked(worker, taskId, digest));
            return view_;
        }
        ContributionRecord storage contribution = task.contributions[worker];
        uint256 word = contribution.word;
        if (word == 0) return view_;
        view_.status = word.contributionStatus();
        view_.weight = word.weight();
        view_.resultHash = word & TaskWords.OWN_HASH != 0 ? contribution.ownHash : _firstHash(task, taskId, head);
        if (word & TaskWords.CHALLENGE != 0) view_.enclaveChallenge = contribution.challenge;
        if (view_.status == ContributionStatus.PROVED) {
            (, digest) = _consensus(task, taskId, head);
            view_.resultSeal = keccak256(abi.encodePacked(worker, taskId, digest));
        } else {
            view_.resultSeal = contribution.seal;
        }
    }

    /// Callback data of a task, empty if there is none.
    function callbackData(bytes32 taskId, uint256 head) internal view returns (bytes memory data) {
        (, data) = ResultRecords.read(taskId, _isOneStep(head));
    }

    function _isOneStep(uint256 head) private pure returns (bool) {
        return head & TaskWords.ONE_STEP != 0;
    }

    /// Consensus value, and its digest if it was revealed, of a task with a consensus.
    function _consensus(TaskRecord storage task, bytes32 taskId, uint256 head)
        private
        view
        returns (bytes32 value, bytes32 digest)
    {
        if (_isOneStep(head)) {
            (digest,) = ResultRecords.readOneStep(taskId);
        } else {
            bytes32 word = head & TaskWords.ON_FIRST != 0 ? task.first : task.consensus;
            if (head.reveals() == 0) return (word, 0);
            digest = word;
        }
        value = keccak256(abi.encodePacked(taskId, digest));
    }

    function _firstHash(TaskRecord storage task, bytes32 taskId, uint256 head) private view returns (bytes32 hash) {
        hash = task.first;
        bool isDigest = head & TaskWords.ON_FIRST != 0 && head.reveals() != 0;
        if (isDigest) hash = keccak256(abi.encodePacked(taskId, hash));
    }

    function _contributors(TaskRecord storage task, uint256 head) private view returns (address[] memory workers) {
        workers = new address[](head.contributors());
        address worker = task.tail.lastContributor();
        for (uint256 i = workers.length; i != 0; --i) {
            workers[i - 1] = worker;
            worker = task.contributions[worker].word.previousContributor();
        }
    }
}
