// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Contribution, ContributionStatus, Task, TaskStatus} from "../../src/types/Records.sol";
import {OrderSet, Signing} from "../Orders.sol";
import {vm, within} from "../Vm.sol";
import {World} from "../World.sol";

/// Votes on the deployed hub beside the rules written plainly: a value per group, the sum of all, one comparison.
contract ConsensusTest is World {
    uint256 private constant WORKERS = 10;
    uint256 private constant RESULTS = 3;

    bytes32 private taskId;
    uint256 private scheduler;
    uint256 private trust;
    uint256 private deadline;

    struct Vote {
        address worker;
        uint256 result;
        uint256 weight;
        bool rejected;
    }

    Vote[] private votes;
    uint256[RESULTS] private groups;

    function setUp() external {
        _populate();
        _setPolicy(0, 1);
        scheduler = keys[actors[2]];
        for (uint256 i = 0; i < WORKERS; ++i) {
            keys[vm.addr(100 + i)] = 100 + i;
        }
    }

    function testFuzz_votes(uint256 asked, uint256[WORKERS] calldata seeds) external {
        // From what one worker decides to what many cannot.
        trust = asked & 7 == 0 ? within(asked >> 3, 1, type(uint48).max) : within(asked >> 3, 1, 64);
        OrderSet memory set = _orders(actors[3]);
        (set.workerpool.trust, set.request.trust) = (trust, trust);
        _sign(set);
        bytes32 dealId = hub.matchOrders(set.app, set.dataset, set.workerpool, set.request);
        taskId = hub.initialize(dealId, 0);
        for (uint256 i = 0; i < WORKERS; ++i) {
            _vote(vm.addr(100 + i), seeds[i]);
            _compareVotes();
            if (hub.viewTask(taskId).status == TaskStatus.REVEALING) {
                if (seeds[i] & 1 == 0 || block.timestamp + 1200 > deadline) return;
                _reopen();
            }
        }
    }

    function _result(uint256 choice) private view returns (bytes32 hash) {
        return keccak256(abi.encodePacked(taskId, bytes32(choice)));
    }

    function _vote(address worker, uint256 seed) private {
        // Most scores are small. The product of ten weights and the trust stays below 2^256 (above, the hub panics).
        uint256 score = within(seed >> 16, 0, seed & 0xf0 == 0 ? 1 << 20 : 60);
        _setScore(worker, score);
        uint256 choice = within(seed >> 8, 0, RESULTS - 1);
        uint256 weight = score / 3 < 3 ? 2 : score / 3 - 1;
        uint256 value = (groups[choice] == 0 ? 1 : groups[choice]) * weight;
        uint256 total = 1;
        for (uint256 i = 0; i < RESULTS; ++i) {
            total += i == choice ? value : groups[i];
        }
        bytes memory authorization = Signing.authorization(scheduler, worker, taskId);
        bytes32 seal = keccak256(abi.encodePacked(worker, taskId, bytes32(choice)));
        bytes32 hash = _result(choice);
        vm.prank(worker);
        hub.contribute(taskId, hash, seal, address(0), "", authorization);
        groups[choice] = value;
        votes.push(Vote(worker, choice, weight, false));
        bool reached = value * trust > total * (trust - 1);
        Task memory task = hub.viewTask(taskId);
        vm.assertEq(uint256(task.status), uint256(reached ? TaskStatus.REVEALING : TaskStatus.ACTIVE), "consensus");
        vm.assertEq(task.contributors.length, votes.length, "contributors");
        vm.assertEq(task.consensusValue, reached ? hash : bytes32(0), "on the last result");
        vm.assertEq(task.winnerCounter, reached ? _standing(choice) : 0, "winners");
        vm.assertEq(task.revealDeadline, reached ? block.timestamp + 600 : 0, "reveal deadline");
        deadline = task.contributionDeadline;
    }

    function _standing(uint256 choice) private view returns (uint256 count) {
        for (uint256 i = 0; i < votes.length; ++i) {
            if (votes[i].result == choice && !votes[i].rejected) ++count;
        }
    }

    /// Nobody reveals: the group of the consensus loses its value and its members.
    function _reopen() private {
        vm.warp(block.timestamp + 600);
        vm.prank(actors[2]);
        hub.reopen(taskId);
        uint256 choice = votes[votes.length - 1].result;
        groups[choice] = 0;
        for (uint256 i = 0; i < votes.length; ++i) {
            if (votes[i].result == choice) votes[i].rejected = true;
        }
        Task memory task = hub.viewTask(taskId);
        vm.assertEq(uint256(task.status), uint256(TaskStatus.ACTIVE), "open again");
        vm.assertEq(task.consensusValue, bytes32(0), "no consensus");
    }

    function _compareVotes() private view {
        for (uint256 i = 0; i < votes.length; ++i) {
            Contribution memory kept = hub.viewContribution(taskId, votes[i].worker);
            vm.assertEq(kept.resultHash, _result(votes[i].result), "hash");
            vm.assertTrue(votes[i].weight >> kept.weight == 1, "weight is the logarithm of the credibility");
            ContributionStatus status = votes[i].rejected ? ContributionStatus.REJECTED : ContributionStatus.CONTRIBUTED;
            vm.assertEq(uint256(kept.status), uint256(status), "status");
        }
    }
}
