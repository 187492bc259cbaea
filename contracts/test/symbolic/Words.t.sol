// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {HubStorage, TaskRecord} from "../../src/libraries/HubStorage.sol";
import {OrderBook} from "../../src/libraries/OrderBook.sol";
import {TaskWords} from "../../src/libraries/TaskWords.sol";
import {TaskStatus} from "../../src/types/Records.sol";

/// For halmos, over all inputs: the packed words of consensus.
contract WordsCheck {
    using OrderBook for HubStorage.Layout;
    using TaskWords for uint256;
    using TaskWords for TaskRecord;

    uint256 private constant COUNTER = 0x1ff;
    TaskRecord private task;

    /// One more contributor, member or revelation raises its counter by one and touches nothing else, below 511.
    function check_countersDoNotCarry(uint256 head) external pure {
        if (head.contributors() >= COUNTER || head.firstMembers() >= COUNTER || head.reveals() >= COUNTER) return;
        uint256 more = head + TaskWords.ONE_CONTRIBUTOR;
        assert(more.contributors() == head.contributors() + 1);
        assert((more ^ head) & ~(COUNTER << 182) == 0);
        more = head + TaskWords.ONE_FIRST_MEMBER;
        assert(more.firstMembers() == head.firstMembers() + 1);
        assert((more ^ head) & ~(COUNTER << 191) == 0);
        more = head + TaskWords.ONE_REVEAL;
        assert(more.reveals() == head.reveals() + 1);
        assert((more ^ head) & ~(COUNTER << 209) == 0);
    }

    function check_statusOnly(uint256 head, uint8 kind) external pure {
        if (kind > 4) return;
        uint256 changed = head.withStatus(TaskStatus(kind));
        assert(uint256(changed.status()) == kind);
        assert((changed ^ head) & ~(uint256(7) << 160) == 0);
    }

    function check_indexOfAnySize(uint160 record, uint256 index) external {
        uint256 head = task.withIndex(uint256(record).withStatus(TaskStatus.ACTIVE), index);
        assert(task.index(head) == index);
        assert(head.dealRecord() == address(record));
        assert(head.contributors() + head.firstMembers() + head.winners() + head.reveals() == 0);
    }

    /// A consensus sets what it says and nothing else; taken back, the word is what it was.
    function check_consensusAndBack(uint256 head, uint256 winners, uint256 deadline) external {
        if (winners > COUNTER || head >> 200 != 0 || head & TaskWords.ON_FIRST != 0) return; // none before
        if ((head >> 160) & 7 != uint256(TaskStatus.ACTIVE)) return;
        uint256 reached = task.withConsensus(head | TaskWords.ON_FIRST, winners, deadline);
        assert(reached.status() == TaskStatus.REVEALING);
        assert(reached.winners() == winners && reached.reveals() == 0);
        assert(task.revealDeadline(reached) == deadline);
        assert(reached.contributors() == head.contributors() && reached.firstMembers() == head.firstMembers());
        assert(reached.withoutConsensus() == head);
    }

    function check_tail(address last, uint256 value) external {
        uint256 tail = task.packTail(last, value);
        assert(tail.lastContributor() == last);
        assert(task.firstValue(tail) == value);
    }

    function check_contribution(address previous, uint8 log, bool own, bool challenge) external pure {
        if (log > 63) return;
        uint256 flags = (own ? TaskWords.OWN_HASH : 0) | (challenge ? TaskWords.CHALLENGE : 0);
        uint256 word = TaskWords.contribution(previous, log, flags);
        assert(word != 0); // a worker that contributed is known by it
        assert(word.previousContributor() == previous && word.weight() == log);
        assert(word & (TaskWords.OWN_HASH | TaskWords.CHALLENGE) == flags);
    }

    function check_orderWord(bytes32 hash, address signer, uint256 volume) external {
        HubStorage.Layout storage $ = HubStorage.load();
        $.setConsumed(hash, $.orders[hash], volume);
        $.setPresigner(hash, signer);
        assert($.consumed(hash, $.orders[hash]) == volume);
        assert(OrderBook.presigner($.orders[hash]) == signer);
    }

    /// The credibility of any score and its logarithm.
    function check_weight(uint256 score) external pure {
        if (score >= 1 << 63) return; // Ledger.setScore
        uint256 weight = Math.max(score / 3, 3) - 1;
        assert(weight >= 2);
        uint256 log = Math.log2(weight);
        assert(log >= 1 && log < 64 && weight >> log == 1);
    }
}
