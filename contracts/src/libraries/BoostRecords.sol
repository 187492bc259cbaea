// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {DealBoost} from "../types/Records.sol";
import {CodeRecords} from "./CodeRecords.sol";

/// A Boost deal as a code record, under the complement of its identifier so that it is no classic deal.
///
/// Bytes: flags 1, deadline 5, botFirst 2, botSize 2, tag 3 | app owner 20, price 12 | workerpool owner 20, price 12 |
/// requester 20, worker reward 12 | then, as flags tell: dataset owner 20, price 12; callback 20; sponsor 20.
library BoostRecords {
    uint256 private constant HAS_DATASET = 0x01;
    uint256 private constant HAS_CALLBACK = 0x02;
    uint256 private constant HAS_SPONSOR = 0x04;

    uint256 private constant PARTIES = 13;
    uint256 private constant OPTIONS = PARTIES + 96;
    uint256 private constant SIZE_MAX = OPTIONS + 72;

    function write(bytes32 dealId, DealBoost memory deal) internal {
        bytes memory options;
        uint256 flags;
        if (deal.datasetOwner != address(0)) {
            flags |= HAS_DATASET;
            options = abi.encodePacked(deal.datasetOwner, deal.datasetPrice);
        }
        if (deal.callback != address(0)) {
            flags |= HAS_CALLBACK;
            options = abi.encodePacked(options, deal.callback);
        }
        if (deal.sponsor != deal.requester) {
            flags |= HAS_SPONSOR;
            options = abi.encodePacked(options, deal.sponsor);
        }
        bytes memory numbers =
            abi.encodePacked(uint8(flags), deal.deadline, deal.botFirst, deal.botSize, deal.shortTag); // flags below 8
        bytes memory parties = abi.encodePacked(
            deal.appOwner,
            deal.appPrice,
            deal.workerpoolOwner,
            deal.workerpoolPrice,
            deal.requester,
            deal.workerReward
        );
        CodeRecords.write(_key(dealId), bytes.concat(numbers, parties, options));
    }

    /// The deal, or all zero.
    function load(bytes32 dealId) internal view returns (DealBoost memory deal) {
        uint256 start = CodeRecords.head(CodeRecords.addressOf(_key(dealId)), SIZE_MAX + 32);
        uint256 numbers = _word(start);
        // Each narrowing takes exactly the bits that write put there.
        deal.deadline = uint40(numbers >> 208);
        deal.botFirst = uint16(numbers >> 192);
        deal.botSize = uint16(numbers >> 176);
        deal.shortTag = bytes3(uint24(numbers >> 152));
        (deal.appOwner, deal.appPrice) = _pair(start + PARTIES);
        (deal.workerpoolOwner, deal.workerpoolPrice) = _pair(start + PARTIES + 32);
        (deal.requester, deal.workerReward) = _pair(start + PARTIES + 64);
        uint256 flags = numbers >> 248;
        start += OPTIONS;
        if (flags & HAS_DATASET != 0) {
            (deal.datasetOwner, deal.datasetPrice) = _pair(start);
            start += 32;
        }
        if (flags & HAS_CALLBACK != 0) {
            (deal.callback,) = _pair(start);
            start += 20;
        }
        deal.sponsor = deal.requester;
        if (flags & HAS_SPONSOR != 0) (deal.sponsor,) = _pair(start);
    }

    function _key(bytes32 dealId) private pure returns (bytes32) {
        return ~dealId;
    }

    function _pair(uint256 position) private pure returns (address account, uint96 amount) {
        uint256 word = _word(position);
        return (address(uint160(word >> 96)), uint96(word)); // the upper 160 and the lower 96 bits
    }

    function _word(uint256 position) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(position)
        }
    }
}
