// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {KITTY} from "../../src/libraries/Constants.sol";
import {Terms} from "../../src/libraries/DealRecords.sol";
import {HubStorage, TaskRecord} from "../../src/libraries/HubStorage.sol";
import {Ledger} from "../../src/libraries/Ledger.sol";
import {Settlement} from "../../src/libraries/Settlement.sol";
import {TaskWords} from "../../src/libraries/TaskWords.sol";
import {ContributionStatus} from "../../src/types/Records.sol";
import {vm, within} from "../Vm.sol";

/// The end of a task over prices up to the whole supply and up to 256 contributors, beside the rules written plainly.
contract SettlementTest {
    using Ledger for HubStorage.Layout;
    using TaskWords for uint256;

    address private constant SCHEDULER = address(0x5C);
    address private constant SPONSOR = address(0x57);
    address private constant APP_OWNER = address(0xA9);
    address private constant DATASET_OWNER = address(0xDA);
    bytes32 private constant TASK = "task";

    TaskRecord private task;
    uint256[256] private weights;
    bool[256] private proved;
    uint256[256] private scores;

    function _worker(uint256 i) private pure returns (address) {
        return address(uint160(0x30000 + i));
    }

    /// Terms whose every lock fits the supply.
    function _terms(uint256 price, uint256 ratios, uint256 others, uint256 count)
        private
        pure
        returns (Terms memory deal)
    {
        uint256 stakeRatio = within(ratios, 0, 1000);
        deal.schedulerRewardRatio = within(ratios >> 16, 0, 100);
        // price, scheduler's stake, workers' stakes and the other two prices together are at most 2^96 - 1
        uint256 limit = uint256(type(uint96).max) * 100 / (132 + stakeRatio * count + 100);
        deal.workerpoolPrice = within(price, 0, ratios >> 40 & 1 == 0 ? limit : 1000);
        deal.workerStake = deal.workerpoolPrice * stakeRatio / 100;
        deal.appPrice = within(others, 0, limit / 2);
        deal.datasetPrice = within(others >> 128, 0, limit / 2);
        (deal.sponsor, deal.workerpoolOwner) = (SPONSOR, SCHEDULER);
        (deal.appOwner, deal.datasetOwner) = (APP_OWNER, DATASET_OWNER);
    }

    function _taskPrice(Terms memory deal) private pure returns (uint256) {
        return deal.appPrice + deal.datasetPrice + deal.workerpoolPrice;
    }

    /// Locks what a deal of one task and its contributions lock. At least one contribution is revealed.
    function _prepare(Terms memory deal, uint256 count, uint256 seed) private returns (address last) {
        _fund(SPONSOR, _taskPrice(deal));
        _fund(SCHEDULER, deal.workerpoolPrice * 30 / 100);
        HubStorage.Layout storage $ = HubStorage.load();
        uint256 sure = within(seed, 0, count - 1);
        for (uint256 i = 0; i < count; ++i) {
            uint256 own = uint256(keccak256(abi.encode(seed, i)));
            address worker = _worker(i);
            _fund(worker, deal.workerStake);
            scores[i] = within(own >> 16, 0, own & 4 == 0 ? 100 : Ledger.SCORE_MAX - 1);
            $.setScore(worker, scores[i]);
            weights[i] = within(own >> 96, 1, own & 8 == 0 ? 6 : 61); // of scores up to 2^63
            proved[i] = i == sure || own & 1 == 0;
            uint256 word = TaskWords.contribution(last, weights[i], 0);
            ContributionStatus status = own & 2 == 0 ? ContributionStatus.CONTRIBUTED : ContributionStatus.REJECTED;
            task.contributions[worker].word =
                word.withContributionStatus(proved[i] ? ContributionStatus.PROVED : status);
            last = worker;
        }
    }

    function _fund(address account, uint256 value) private {
        HubStorage.Layout storage $ = HubStorage.load();
        $.mint(account, value);
        $.lock(account, value);
    }

    function testFuzz_success(uint256 price, uint256 ratios, uint256 others, uint256 size, uint256 kitty, uint256 seed)
        external
    {
        uint256 count = within(size, 1, size >> 8 & 7 == 0 ? 256 : 12);
        Terms memory deal = _terms(price, ratios, others, count);
        address last = _prepare(deal, count, seed);
        HubStorage.Layout storage $ = HubStorage.load();
        kitty = within(kitty, 0, kitty & 1 == 0 ? 3e9 : type(uint96).max - $.totalSupply);
        $.mint(address(this), kitty);
        $.feedKitty(kitty, TASK);
        Settlement.succeed(deal, TASK);
        Settlement.distribute(deal, TASK, task, last, count);
        uint256 released = _kittyPart(kitty);
        vm.assertEq($.frozenOf(KITTY), kitty - released, "kitty");
        uint256 rest = _expectWorkers(deal, count);
        uint256 own = deal.workerpoolPrice * 30 / 100;
        vm.assertEq($.balanceOf(SCHEDULER), own + released + rest, "the scheduler gets stake, kitty and rest");
        vm.assertEq($.balanceOf(APP_OWNER), deal.appPrice, "app");
        vm.assertEq($.balanceOf(DATASET_OWNER), deal.datasetPrice, "dataset");
        vm.assertEq($.balanceOf(SPONSOR) + $.frozenOf(SPONSOR) + $.frozenOf(SCHEDULER), 0, "nothing stays locked");
        vm.assertEq($.balanceOf(address(this)), kitty - released, "what was locked is paid out");
    }

    function _kittyPart(uint256 kitty) private pure returns (uint256 part) {
        part = kitty / 10;
        if (part < 1e9) part = 1e9;
        if (part > kitty) part = kitty;
    }

    /// Checks each worker; returns what is left for the scheduler.
    function _expectWorkers(Terms memory deal, uint256 count) private view returns (uint256 rest) {
        HubStorage.Layout storage $ = HubStorage.load();
        uint256 pot = deal.workerpoolPrice;
        uint256 total;
        for (uint256 i = 0; i < count; ++i) {
            if (proved[i]) total += weights[i];
            else pot += deal.workerStake;
        }
        uint256 part = pot * (100 - deal.schedulerRewardRatio) / 100;
        rest = pot;
        uint256 right;
        for (uint256 i = 0; i < count; ++i) {
            uint256 share = proved[i] ? part * weights[i] / total : 0;
            if (proved[i]) ++right;
            vm.assertTrue(share <= pot, "nobody gets more than the pot");
            rest -= share;
            vm.assertEq($.balanceOf(_worker(i)), proved[i] ? deal.workerStake + share : 0, "worker");
            vm.assertEq($.frozenOf(_worker(i)), 0, "stake");
            uint256 score = proved[i] ? scores[i] + (count > 1 ? 1 : 0) : scores[i] * 2 / 3;
            vm.assertEq($.scoreOf(_worker(i)), score, "score");
        }
        vm.assertTrue(rest < pot - part + (right == 0 ? 1 : right), "rounding is less than one unit per right worker");
    }

    function testFuzz_atOnce(uint256 price, uint256 ratios, uint256 others) external {
        Terms memory deal = _terms(price, ratios, others, 1);
        _fund(SPONSOR, _taskPrice(deal));
        _fund(SCHEDULER, deal.workerpoolPrice * 30 / 100);
        Settlement.succeed(deal, TASK);
        Settlement.payAtOnce(deal, TASK, _worker(0));
        HubStorage.Layout storage $ = HubStorage.load();
        uint256 part = deal.workerpoolPrice * (100 - deal.schedulerRewardRatio) / 100;
        vm.assertEq($.balanceOf(_worker(0)), part, "worker");
        uint256 own = deal.workerpoolPrice * 30 / 100;
        vm.assertEq($.balanceOf(SCHEDULER), own + deal.workerpoolPrice - part, "scheduler");
        vm.assertEq($.balanceOf(address(this)), 0, "what was locked is paid out");
    }

    function testFuzz_failure(uint256 price, uint256 ratios, uint256 others, uint256 size, uint256 seed) external {
        uint256 count = within(size, 0, 12);
        Terms memory deal = _terms(price, ratios, others, count == 0 ? 1 : count);
        address last = count == 0 ? address(0) : _prepare(deal, count, seed);
        if (count == 0) {
            _fund(SPONSOR, _taskPrice(deal));
            _fund(SCHEDULER, deal.workerpoolPrice * 30 / 100);
        }
        task.tail = uint160(last);
        Settlement.fail(deal, TASK);
        Settlement.refund(deal, task, count);
        HubStorage.Layout storage $ = HubStorage.load();
        uint256 own = deal.workerpoolPrice * 30 / 100;
        vm.assertEq($.balanceOf(SPONSOR), _taskPrice(deal), "the sponsor gets all back");
        vm.assertEq($.frozenOf(KITTY), own, "the kitty gets the scheduler's stake");
        vm.assertEq($.balanceOf(address(this)), own, "nothing else stays locked");
        for (uint256 i = 0; i < count; ++i) {
            vm.assertEq($.balanceOf(_worker(i)), deal.workerStake, "worker");
            vm.assertEq($.frozenOf(_worker(i)), 0, "stake");
        }
    }
}
