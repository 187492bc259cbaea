// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Deal} from "../../src/types/Records.sol";
import {Eip712, OrderSet} from "../Orders.sol";
import {vm, within} from "../Vm.sol";
import {World} from "../World.sol";

/// Tags, prices and volumes of signed orders on the deployed hub.
contract MatchingTest is World {
    function setUp() external {
        _populate();
    }

    function _match(OrderSet memory set) private returns (bytes32) {
        return hub.matchOrders(set.app, set.dataset, set.workerpool, set.request);
    }

    /// Bit by bit: a deal has what app, dataset (frameworks aside) and request ask, the workerpool must have it all, and
    /// an enclave must be asked by the app itself.
    function testFuzz_tags(bytes32 ofApp, bytes32 ofDataset, bytes32 ofRequest, bytes32 ofPool, uint256 shape) external {
        OrderSet memory set = _orders(actors[3]);
        bool hasDataset = shape & 1 == 0;
        if (hasDataset) (set.dataset.dataset, set.request.dataset) = (dataset, dataset);
        // Without a dataset nothing of its order counts.
        else (set.dataset.datasetprice, set.dataset.apprestrict) = (uint256(ofDataset), address(0xBAD));
        // Tags of few bits make all outcomes likely.
        bytes32 mask = shape & 2 == 0 ? bytes32(uint256(0x1f)) : bytes32(type(uint256).max);
        if (shape & 4 == 0) ofPool |= ofApp | ofDataset | ofRequest;
        (set.app.tag, set.dataset.tag, set.request.tag) = (ofApp & mask, ofDataset & mask, ofRequest & mask);
        set.workerpool.tag = ofPool;
        _sign(set);
        uint256 tag;
        bool poolLacks;
        bool appLacks;
        for (uint256 bit = 0; bit < 256; ++bit) {
            bool byDataset = hasDataset && !(bit >= 1 && bit <= 3) && uint256(set.dataset.tag) >> bit & 1 == 1;
            bool byApp = uint256(set.app.tag) >> bit & 1 == 1;
            bool asked = byApp || byDataset || uint256(set.request.tag) >> bit & 1 == 1;
            if (asked) tag += 1 << bit;
            if (asked && uint256(ofPool) >> bit & 1 == 0) poolLacks = true;
            if (bit == 0 && asked && !byApp) appLacks = true;
        }
        if (poolLacks) vm.expectRevert(abi.encodeWithSignature("Error(string)", "iExecV5-matchOrders-0x06"));
        else if (appLacks) vm.expectRevert(abi.encodeWithSignature("Error(string)", "iExecV5-matchOrders-0x07"));
        bytes32 dealId = _match(set);
        if (!poolLacks && !appLacks) vm.assertEq(hub.viewDeal(dealId).tag, bytes32(tag), "tag");
    }

    /// Two matches of the same orders: volumes go down together, amounts are exact, and nothing is over-consumed.
    function testFuzz_volumesAndLocks(uint256[4] memory volumes, uint256[3] memory prices, uint256 stakeRatio) external {
        OrderSet memory set = _orders(actors[3]);
        (set.dataset.dataset, set.request.dataset) = (dataset, dataset);
        (set.app.volume, set.dataset.volume) = (within(volumes[0], 0, 6), within(volumes[1], 0, 6));
        (set.workerpool.volume, set.request.volume) = (within(volumes[2], 0, 6), within(volumes[3], 0, 6));
        set.app.appprice = within(prices[0], 0, WEALTH / 40);
        set.dataset.datasetprice = within(prices[1], 0, WEALTH / 40);
        set.workerpool.workerpoolprice = within(prices[2], 0, WEALTH / 40);
        set.request.appmaxprice = set.app.appprice;
        set.request.datasetmaxprice = set.dataset.datasetprice;
        set.request.workerpoolmaxprice = set.workerpool.workerpoolprice;
        stakeRatio = within(stakeRatio, 0, 1000);
        _setPolicy(stakeRatio, 3);
        _sign(set);
        uint256 volume = _least(set);
        if (volume == 0) {
            vm.expectRevert(abi.encodeWithSignature("Error(string)", "iExecV5-matchOrders-0x60"));
            _match(set);
            return;
        }
        bytes32 dealId = _match(set);
        Deal memory deal = hub.viewDeal(dealId);
        vm.assertEq(deal.botSize, volume, "volume");
        vm.assertEq(deal.workerStake, set.workerpool.workerpoolprice * stakeRatio / 100, "stake of workers");
        uint256 price = set.app.appprice + set.dataset.datasetprice + set.workerpool.workerpoolprice;
        vm.assertEq(hub.frozenOf(actors[3]), price * volume, "lock of the requester");
        uint256 stake = set.workerpool.workerpoolprice * 30 / 100;
        vm.assertEq(hub.frozenOf(actors[2]), stake * volume, "lock of the scheduler");
        _expectConsumed(set, volume);
        // The least of the four is used up now.
        vm.expectRevert(abi.encodeWithSignature("Error(string)", "iExecV5-matchOrders-0x60"));
        _match(set);
    }

    function _least(OrderSet memory set) private pure returns (uint256 least) {
        least = set.app.volume;
        if (set.dataset.volume < least) least = set.dataset.volume;
        if (set.workerpool.volume < least) least = set.workerpool.volume;
        if (set.request.volume < least) least = set.request.volume;
    }

    function _expectConsumed(OrderSet memory set, uint256 volume) private view {
        bytes32[4] memory hashes =
            [Eip712.app(set.app), Eip712.dataset(set.dataset), Eip712.workerpool(set.workerpool), Eip712.request(set.request)];
        for (uint256 i = 0; i < 4; ++i) {
            vm.assertEq(hub.viewConsumed(Eip712.digest(address(hub), hashes[i])), volume, "consumed");
        }
    }

    /// Hashes of any order: with params, restrictions and dirty numbers.
    function testFuzz_signatureOfTheRequest(uint256 key, uint256 price, bytes32 salt, string calldata params, uint256 flip)
        external
    {
        key = within(key, 1, type(uint128).max);
        address requester = vm.addr(key);
        keys[requester] = key;
        OrderSet memory set = _orders(requester);
        (set.request.params, set.request.salt, set.request.appmaxprice) = (params, salt, price);
        set.request.callback = address(uint160(price));
        _sign(set);
        if (flip & 1 == 0) {
            // One bit of the signature beside the right one.
            uint256 bit = within(flip >> 1, 0, 64 * 8 - 1);
            set.request.sign[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
            vm.expectRevert(abi.encodeWithSignature("Error(string)", "iExecV5-matchOrders-0x50"));
        }
        bytes32 dealId = _match(set);
        if (flip & 1 == 1) vm.assertEq(hub.viewDeal(dealId).params, params, "params");
    }
}
