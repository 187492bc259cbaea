// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ContributionStatus, TaskStatus} from "../types/Records.sol";
import {TaskRecord} from "./HubStorage.sol";

/// The packed words of a task and of a contribution.
///
/// head: record of the deal 0-159, status 160-162, consensus is on the first hash 163, completed in one step 164,
/// other groups exist 165, index in the deal 166-181, contributors 182-190, members of the first group 191-199,
/// winners 200-208, reveals 209-217, reveal deadline 218-255.
/// tail: last contributor 0-159, value of the first group 160-255.
/// contribution: previous contributor 0-159, status 160-161, weight 162-169, has a hash of its own 170,
/// has an enclave challenge 171.
///
/// An index, deadline or group value with all bits set stands in a slot of its own.
library TaskWords {
    uint256 internal constant STATUS_SHIFT = 160;
    uint256 internal constant ON_FIRST = 1 << 163;
    uint256 internal constant ONE_STEP = 1 << 164;
    uint256 internal constant DISSENT = 1 << 165;
    uint256 private constant INDEX_SHIFT = 166;
    uint256 private constant INDEX_WIDE = 0xffff;
    uint256 internal constant ONE_CONTRIBUTOR = 1 << 182;
    uint256 private constant CONTRIBUTORS_SHIFT = 182;
    uint256 internal constant ONE_FIRST_MEMBER = 1 << 191;
    uint256 private constant FIRST_MEMBERS_SHIFT = 191;
    uint256 private constant WINNERS_SHIFT = 200;
    uint256 internal constant ONE_REVEAL = 1 << 209;
    uint256 private constant REVEALS_SHIFT = 209;
    uint256 private constant DEADLINE_SHIFT = 218;
    uint256 private constant COUNTER_MASK = 0x1ff;
    uint256 private constant DEADLINE_WIDE = type(uint256).max >> 218;
    uint256 private constant VALUE_WIDE = type(uint96).max;

    uint256 internal constant OWN_HASH = 1 << 170;
    uint256 internal constant CHALLENGE = 1 << 171;
    uint256 private constant WEIGHT_SHIFT = 162;

    function dealRecord(uint256 head) internal pure returns (address) {
        return address(uint160(head)); // bits 0-159
    }

    function status(uint256 head) internal pure returns (TaskStatus) {
        return TaskStatus((head >> STATUS_SHIFT) & 7);
    }

    function withStatus(uint256 head, TaskStatus value) internal pure returns (uint256) {
        return (head & ~(uint256(7) << STATUS_SHIFT)) | (uint256(value) << STATUS_SHIFT);
    }

    function contributors(uint256 head) internal pure returns (uint256) {
        return (head >> CONTRIBUTORS_SHIFT) & COUNTER_MASK;
    }

    function firstMembers(uint256 head) internal pure returns (uint256) {
        return (head >> FIRST_MEMBERS_SHIFT) & COUNTER_MASK;
    }

    function withoutFirstMembers(uint256 head) internal pure returns (uint256) {
        return head & ~(COUNTER_MASK << FIRST_MEMBERS_SHIFT);
    }

    function winners(uint256 head) internal pure returns (uint256) {
        return (head >> WINNERS_SHIFT) & COUNTER_MASK;
    }

    function reveals(uint256 head) internal pure returns (uint256) {
        return (head >> REVEALS_SHIFT) & COUNTER_MASK;
    }

    /// Position of the task in its deal, from 0.
    function index(TaskRecord storage task, uint256 head) internal view returns (uint256 value) {
        value = (head >> INDEX_SHIFT) & INDEX_WIDE;
        if (value == INDEX_WIDE) value = task.wideIndex;
    }

    function withIndex(TaskRecord storage task, uint256 head, uint256 value) internal returns (uint256) {
        if (value >= INDEX_WIDE) {
            task.wideIndex = value;
            value = INDEX_WIDE;
        }
        return head | (value << INDEX_SHIFT);
    }

    function revealDeadline(TaskRecord storage task, uint256 head) internal view returns (uint256 value) {
        value = head >> DEADLINE_SHIFT;
        if (value == DEADLINE_WIDE) value = task.wideRevealDeadline;
    }

    /// Sets the status REVEALING, the number of winners and the reveal deadline of a task that had none.
    function withConsensus(TaskRecord storage task, uint256 head, uint256 winnerCount, uint256 deadline)
        internal
        returns (uint256)
    {
        if (deadline >= DEADLINE_WIDE) {
            task.wideRevealDeadline = deadline;
            deadline = DEADLINE_WIDE;
        }
        return withStatus(head, TaskStatus.REVEALING) | (winnerCount << WINNERS_SHIFT) | (deadline << DEADLINE_SHIFT);
    }

    /// Takes the consensus back: status ACTIVE, no winners, no deadline.
    function withoutConsensus(uint256 head) internal pure returns (uint256) {
        head &= ~(COUNTER_MASK << WINNERS_SHIFT) & ~(DEADLINE_WIDE << DEADLINE_SHIFT) & ~ON_FIRST;
        return withStatus(head, TaskStatus.ACTIVE);
    }

    function lastContributor(uint256 tail) internal pure returns (address) {
        return address(uint160(tail)); // bits 0-159
    }

    function firstValue(TaskRecord storage task, uint256 tail) internal view returns (uint256 value) {
        value = tail >> 160;
        if (value == VALUE_WIDE) value = task.wideFirstValue;
    }

    function packTail(TaskRecord storage task, address last, uint256 value) internal returns (uint256) {
        if (value >= VALUE_WIDE) {
            task.wideFirstValue = value;
            value = VALUE_WIDE;
        }
        return uint160(last) | (value << 160);
    }

    function contributionStatus(uint256 word) internal pure returns (ContributionStatus) {
        return ContributionStatus((word >> STATUS_SHIFT) & 3);
    }

    function withContributionStatus(uint256 word, ContributionStatus value) internal pure returns (uint256) {
        return (word & ~(uint256(3) << STATUS_SHIFT)) | (uint256(value) << STATUS_SHIFT);
    }

    function previousContributor(uint256 word) internal pure returns (address) {
        return address(uint160(word)); // bits 0-159
    }

    function weight(uint256 word) internal pure returns (uint256) {
        return (word >> WEIGHT_SHIFT) & 0xff;
    }

    /// A fresh contribution; `log` is below 64.
    function contribution(address previous, uint256 log, uint256 flags) internal pure returns (uint256) {
        return withContributionStatus(uint160(previous) | (log << WEIGHT_SHIFT) | flags, ContributionStatus.CONTRIBUTED);
    }
}
