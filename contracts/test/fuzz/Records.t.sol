// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {BoostRecords} from "../../src/libraries/BoostRecords.sol";
import {CodeFactory} from "../../src/libraries/CodeFactory.sol";
import {CodeRecords} from "../../src/libraries/CodeRecords.sol";
import {DealRecords, Terms} from "../../src/libraries/DealRecords.sol";
import {ResultRecords} from "../../src/libraries/ResultRecords.sol";
import {DealBoost} from "../../src/types/Records.sol";
import {vm, within} from "../Vm.sol";

/// Writes records as the hub does, and serves their code.
contract Recorder {
    fallback() external {
        CodeFactory.serve();
        revert("not serving");
    }

    function write(bytes32 key, bytes memory data) external {
        CodeRecords.write(key, data);
    }

    function read(bytes32 key) external view returns (bytes memory) {
        return CodeRecords.read(key);
    }

    function addressOf(bytes32 key) external view returns (address) {
        return CodeRecords.addressOf(key);
    }

    function writeDeal(Terms memory deal, string calldata params) external {
        DealRecords.write(deal, params);
    }

    function readDeal(bytes32 dealId) external view returns (Terms memory deal, string memory params) {
        deal = DealRecords.load(DealRecords.addressOf(dealId));
        params = DealRecords.paramsOf(deal);
    }

    function writeBoost(bytes32 dealId, DealBoost memory deal) external {
        BoostRecords.write(dealId, deal);
    }

    function readBoost(bytes32 dealId) external view returns (DealBoost memory) {
        return BoostRecords.load(dealId);
    }

    function writeResult(bytes32 taskId, bytes calldata results, bytes calldata callbackData) external {
        ResultRecords.write(taskId, results, callbackData);
    }

    function writeOneStep(
        bytes32 taskId,
        bytes32 digest,
        address challenge,
        bytes calldata results,
        bytes calldata callbackData
    ) external {
        ResultRecords.writeOneStep(taskId, digest, challenge, results, callbackData);
    }

    function readResult(bytes32 taskId, bool oneStep) external view returns (bytes memory, bytes memory) {
        return ResultRecords.read(taskId, oneStep);
    }

    function readOneStep(bytes32 taskId) external view returns (bytes32, address) {
        return ResultRecords.readOneStep(taskId);
    }
}

/// Data kept as contract code.
contract RecordsTest {
    Recorder private recorder = new Recorder();

    /// The address follows from creator and key alone; what lies there is the data, cannot be run and never changes.
    function testFuzz_recordOfAKey(bytes32 key, bytes memory data, bytes memory other) external {
        address expected = recorder.addressOf(key);
        bytes32 init = keccak256(hex"3d3d3d3d335afa503d5f5f3e3d5ff3");
        bytes32 derived = keccak256(abi.encodePacked(hex"ff", address(recorder), key, init));
        vm.assertEq(expected, address(uint160(uint256(derived))), "CREATE2 of the key");
        recorder.write(key, data);
        vm.assertEq(recorder.read(key), data, "data");
        vm.assertEq(expected.code, bytes.concat(hex"00", data), "STOP, then the data");
        (bool done, bytes memory answer) = expected.call(data);
        vm.assertTrue(done && answer.length == 0, "a record does nothing");
        try recorder.write(key, other) {
            vm.assertTrue(false, "a key is written once");
        } catch {}
        vm.assertEq(recorder.read(key), data, "data stays");
        try this.callPlainly() returns (bool served) {
            vm.assertTrue(!served, "serves only what it creates");
        } catch {}
    }

    function callPlainly() external returns (bool done) {
        (done,) = address(recorder).call("");
    }

    /// Sizes around the limit of one record, where continuations begin.
    function testFuzz_longData(bytes32 key, uint256 size, uint256 seed) external {
        uint256 chunks = within(size, 0, 2);
        size = within(size >> 8, chunks * CodeRecords.CHUNK - (chunks == 0 ? 0 : 2), chunks * CodeRecords.CHUNK + 2);
        bytes memory data = new bytes(size);
        for (uint256 i = 0; i < size; i += 997) {
            data[i] = bytes1(uint8(seed >> (i % 31)));
        }
        recorder.write(key, data);
        vm.assertEq(keccak256(recorder.read(key)), keccak256(data), "data");
    }

    /// Any deal, with narrow and wide values in any mixture.
    function testFuzz_deal(Terms memory deal, string calldata params, uint256 shape) external {
        _narrow(deal, shape);
        // Compact records compute the stake, wide ones hold it.
        if (deal.workerpoolPrice < 1 << 96 && deal.workerStakeRatio < 1 << 16) {
            deal.workerStake = deal.workerpoolPrice * deal.workerStakeRatio / 100;
        }
        // Without a dataset nothing is stored of it.
        if (deal.dataset == address(0)) (deal.datasetOwner, deal.datasetPrice) = (address(0), 0);
        recorder.writeDeal(deal, params);
        (Terms memory read, string memory text) = recorder.readDeal(deal.dealId);
        read.paramsOffset = deal.paramsOffset; // where the params lie is not a term
        vm.assertEq(abi.encode(read), abi.encode(deal), "terms");
        vm.assertEq(text, params, "params");
    }

    /// Most real deals are narrow; each bit of `shape` leaves one value as wide as it came.
    function _narrow(Terms memory deal, uint256 shape) private pure {
        if (shape & 1 == 0) deal.startTime = uint40(deal.startTime);
        if (shape & 2 == 0) deal.timeRef = uint32(deal.timeRef);
        if (shape & 4 == 0) deal.botFirst = uint48(deal.botFirst);
        if (shape & 8 == 0) deal.botSize = uint48(deal.botSize);
        if (shape & 16 == 0) deal.trust = uint48(deal.trust);
        if (shape & 32 == 0) deal.workerStakeRatio = uint16(deal.workerStakeRatio);
        if (shape & 64 == 0) deal.schedulerRewardRatio = uint8(deal.schedulerRewardRatio);
        if (shape & 128 == 0) deal.category = uint8(deal.category);
        if (shape & 256 == 0) deal.appPrice = uint96(deal.appPrice);
        if (shape & 512 == 0) deal.datasetPrice = uint96(deal.datasetPrice);
        if (shape & 1024 == 0) deal.workerpoolPrice = uint96(deal.workerpoolPrice);
        if (shape & 2048 == 0) deal.tag = bytes32(uint256(uint32(uint256(deal.tag))));
        if (shape & 4096 == 0) deal.dataset = address(0);
        if (shape & 8192 == 0) deal.sponsor = deal.requester;
        if (shape & 16384 == 0) deal.beneficiary = deal.requester;
        if (shape & 32768 == 0) deal.callback = address(0);
    }

    function testFuzz_boostDeal(bytes32 dealId, DealBoost memory deal, uint256 shape) external {
        if (shape & 1 == 0) deal.datasetOwner = address(0);
        if (shape & 2 == 0) deal.callback = address(0);
        if (shape & 4 == 0) deal.sponsor = deal.requester;
        if (deal.datasetOwner == address(0)) deal.datasetPrice = 0;
        recorder.writeBoost(dealId, deal);
        vm.assertEq(abi.encode(recorder.readBoost(dealId)), abi.encode(deal), "deal");
        (Terms memory classic,) = recorder.readDeal(dealId);
        vm.assertEq(classic.botSize, 0, "no classic deal under the same identifier");
    }

    function testFuzz_result(bytes32 taskId, bytes calldata results, bytes calldata callbackData) external {
        recorder.writeResult(taskId, results, callbackData);
        _expectResult(taskId, false, results, callbackData);
    }

    function testFuzz_oneStepResult(
        bytes32 taskId,
        bytes32 digest,
        address challenge,
        bytes calldata results,
        bytes calldata callbackData
    ) external {
        recorder.writeOneStep(taskId, digest, challenge, results, callbackData);
        _expectResult(taskId, true, results, callbackData);
        (bytes32 readDigest, address readChallenge) = recorder.readOneStep(taskId);
        vm.assertEq(readDigest, digest, "digest");
        vm.assertEq(readChallenge, challenge, "challenge");
    }

    function _expectResult(bytes32 taskId, bool oneStep, bytes memory results, bytes memory callbackData) private view {
        (bytes memory read, bytes memory readCallback) = recorder.readResult(taskId, oneStep);
        vm.assertEq(read, results, "results");
        vm.assertEq(readCallback, callbackData, "callback data");
    }
}
