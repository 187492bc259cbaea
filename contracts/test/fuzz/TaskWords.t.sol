// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {HubStorage, TaskRecord} from "../../src/libraries/HubStorage.sol";
import {OrderBook} from "../../src/libraries/OrderBook.sol";
import {TaskWords} from "../../src/libraries/TaskWords.sol";
import {ContributionStatus, TaskStatus} from "../../src/types/Records.sol";
import {vm, within} from "../Vm.sol";

/// Packed words of tasks, contributions and orders: what goes in comes out, and neighbours stay.
contract TaskWordsTest {
    using OrderBook for HubStorage.Layout;
    using TaskWords for uint256;
    using TaskWords for TaskRecord;

    TaskRecord private task;

    /// Every field of the head, whatever stood in the others; an index of any size.
    function testFuzz_head(address record, uint256 index, uint256 contributors, uint256 members, uint256 kind) external {
        contributors = within(contributors, 0, 256);
        members = within(members, 0, contributors);
        TaskStatus status = TaskStatus(within(kind, 0, 4));
        uint256 head = task.withIndex(uint256(uint160(record)).withStatus(TaskStatus.ACTIVE), index);
        head += contributors * TaskWords.ONE_CONTRIBUTOR + members * TaskWords.ONE_FIRST_MEMBER;
        head = head.withStatus(status);
        vm.assertEq(head.dealRecord(), record, "record");
        vm.assertEq(uint256(head.status()), uint256(status), "status");
        vm.assertEq(task.index(head), index, "index");
        vm.assertEq(head.contributors(), contributors, "contributors");
        vm.assertEq(head.firstMembers(), members, "members of the first group");
        vm.assertEq(head.winners() + head.reveals(), 0, "winners, reveals");
        uint256 emptied = head.withoutFirstMembers();
        vm.assertEq(emptied.firstMembers(), 0, "no members");
        vm.assertEq(emptied + members * TaskWords.ONE_FIRST_MEMBER, head, "the rest stays");
    }

    /// A consensus set and taken back leaves the word that was; a deadline of any size.
    function testFuzz_consensus(address record, uint256 index, uint256 counters, uint256 deadline, bool dissent)
        external
    {
        uint256 contributors = within(counters, 1, 256);
        uint256 winners = within(counters >> 16, 1, contributors);
        uint256 reveals = within(counters >> 32, 0, winners);
        uint256 before = task.withIndex(uint256(uint160(record)).withStatus(TaskStatus.ACTIVE), index);
        before += contributors * TaskWords.ONE_CONTRIBUTOR;
        if (dissent) before |= TaskWords.DISSENT;
        uint256 head = task.withConsensus(before | TaskWords.ON_FIRST, winners, deadline);
        uint256 revealed = head + reveals * TaskWords.ONE_REVEAL;
        vm.assertEq(uint256(revealed.status()), uint256(TaskStatus.REVEALING), "status");
        vm.assertEq(revealed.winners(), winners, "winners");
        vm.assertEq(revealed.reveals(), reveals, "reveals");
        vm.assertEq(revealed.contributors(), contributors, "contributors");
        vm.assertEq(task.revealDeadline(revealed), deadline, "deadline");
        vm.assertEq(task.index(revealed), index, "index");
        vm.assertEq(revealed.dealRecord(), record, "record");
        vm.assertEq(head.withoutConsensus(), before, "taken back");
    }

    function testFuzz_tail(address last, uint256 value) external {
        uint256 tail = task.packTail(last, value);
        vm.assertEq(tail.lastContributor(), last, "last contributor");
        vm.assertEq(task.firstValue(tail), value, "value of the first group");
    }

    function testFuzz_contribution(address previous, uint256 log, bool own, bool challenge, uint256 kind) external pure {
        log = within(log, 0, 63);
        uint256 flags = (own ? TaskWords.OWN_HASH : 0) | (challenge ? TaskWords.CHALLENGE : 0);
        uint256 word = TaskWords.contribution(previous, log, flags);
        vm.assertEq(uint256(word.contributionStatus()), uint256(ContributionStatus.CONTRIBUTED), "fresh");
        ContributionStatus status = ContributionStatus(within(kind, 0, 3));
        uint256 changed = word.withContributionStatus(status);
        vm.assertEq(uint256(changed.contributionStatus()), uint256(status), "status");
        vm.assertEq(changed.previousContributor(), previous, "previous");
        vm.assertEq(changed.weight(), log, "weight");
        vm.assertEq(changed & (TaskWords.OWN_HASH | TaskWords.CHALLENGE), flags, "flags");
    }

    /// Consumed volume and pre-signer of one order share a word, in any order of writing.
    function testFuzz_order(bytes32 hash, address signer, uint256 first, uint256 second) external {
        HubStorage.Layout storage $ = HubStorage.load();
        $.setConsumed(hash, $.orders[hash], first);
        $.setPresigner(hash, signer);
        vm.assertEq($.consumed(hash, $.orders[hash]), first, "consumed");
        vm.assertEq(OrderBook.presigner($.orders[hash]), signer, "pre-signer");
        $.setConsumed(hash, $.orders[hash], second);
        vm.assertEq($.consumed(hash, $.orders[hash]), second, "consumed more");
        vm.assertEq(OrderBook.presigner($.orders[hash]), signer, "pre-signer stays");
    }
}
