// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {CodeRecords} from "./CodeRecords.sol";

/// A classic deal in memory, without its params. Value types only, so that it is 25 consecutive words.
struct Terms {
    bytes32 dealId;
    address app;
    address appOwner;
    uint256 appPrice;
    address dataset;
    address datasetOwner;
    uint256 datasetPrice;
    address workerpool;
    address workerpoolOwner;
    uint256 workerpoolPrice;
    uint256 trust;
    uint256 category;
    bytes32 tag;
    address requester;
    address beneficiary;
    address callback;
    uint256 startTime;
    uint256 timeRef;
    uint256 botFirst;
    uint256 botSize;
    uint256 workerStakeRatio;
    uint256 workerStake;
    uint256 schedulerRewardRatio;
    address sponsor;
    /// Bytes of the record before the params.
    uint256 paramsOffset;
}

/// A deal as a code record under its own identifier.
///
/// Compact form, in bytes: flags 1, startTime 5, T 4, botFirst 6, botSize 6, trust 6, stake ratio 2, reward ratio 1,
/// category 1 | deal id 32 | app 20, price 12 | workerpool 20, price 12 | app owner 20, workerpool owner 20,
/// requester 20, tag 4 | then, as flags tell: dataset 20, owner 20, price 12; sponsor 20; beneficiary 20; callback 20;
/// tag 32 | params. Wide form, for values that do not fit: flags 1 | the words of `Terms` | params.
library DealRecords {
    uint256 private constant HAS_DATASET = 0x01;
    uint256 private constant HAS_SPONSOR = 0x02;
    uint256 private constant HAS_BENEFICIARY = 0x04;
    uint256 private constant HAS_CALLBACK = 0x08;
    uint256 private constant HAS_FULL_TAG = 0x10;
    uint256 private constant IS_WIDE = 0x80;

    uint256 private constant COMPACT_SIZE = 192;
    uint256 private constant COMPACT_SIZE_MAX = COMPACT_SIZE + 52 + 20 + 20 + 20 + 32;
    uint256 private constant TERMS_SIZE = 32 * 25;
    uint256 private constant WIDE_SIZE = 1 + TERMS_SIZE;

    /// Where the deal lies or would lie.
    function addressOf(bytes32 dealId) internal view returns (address) {
        return CodeRecords.addressOf(dealId);
    }

    /// Records the deal and its params for ever.
    function write(Terms memory deal, string calldata params) internal {
        bytes memory data = _isCompact(deal)
            ? abi.encodePacked(_head(deal), _parties(deal), _options(deal), params)
            : abi.encodePacked(uint8(IS_WIDE), _words(deal), params);
        CodeRecords.write(deal.dealId, data);
    }

    function _isCompact(Terms memory deal) private pure returns (bool) {
        return deal.startTime < 1 << 40 && deal.timeRef < 1 << 32 && deal.botFirst < 1 << 48
            && deal.botSize < 1 << 48 && deal.trust < 1 << 48 && deal.workerStakeRatio < 1 << 16
            && deal.schedulerRewardRatio < 1 << 8 && deal.category < 1 << 8
            && (deal.appPrice | deal.datasetPrice | deal.workerpoolPrice) < 1 << 96;
    }

    function _flags(Terms memory deal) private pure returns (uint256 flags) {
        if (deal.dataset != address(0)) flags |= HAS_DATASET;
        if (deal.sponsor != deal.requester) flags |= HAS_SPONSOR;
        if (deal.beneficiary != deal.requester) flags |= HAS_BENEFICIARY;
        if (deal.callback != address(0)) flags |= HAS_CALLBACK;
        if (uint256(deal.tag) >= 1 << 32) flags |= HAS_FULL_TAG;
    }

    // The shifts below cannot lose bits: _isCompact was asked before.
    function _head(Terms memory deal) private pure returns (bytes memory) {
        uint256 numbers = (_flags(deal) << 248) | (deal.startTime << 208) | (deal.timeRef << 176)
            | (deal.botFirst << 128) | (deal.botSize << 80) | (deal.trust << 32) | (deal.workerStakeRatio << 16)
            | (deal.schedulerRewardRatio << 8) | deal.category;
        return abi.encodePacked(numbers, deal.dealId);
    }

    function _parties(Terms memory deal) private pure returns (bytes memory) {
        return abi.encodePacked(
            deal.app,
            uint96(deal.appPrice),
            deal.workerpool,
            uint96(deal.workerpoolPrice),
            deal.appOwner,
            deal.workerpoolOwner,
            deal.requester,
            uint32(uint256(deal.tag)) // the full tag follows when it is wider
        );
    }

    function _options(Terms memory deal) private pure returns (bytes memory options) {
        if (deal.dataset != address(0)) {
            options = abi.encodePacked(deal.dataset, deal.datasetOwner, uint96(deal.datasetPrice));
        }
        if (deal.sponsor != deal.requester) options = abi.encodePacked(options, deal.sponsor);
        if (deal.beneficiary != deal.requester) options = abi.encodePacked(options, deal.beneficiary);
        if (deal.callback != address(0)) options = abi.encodePacked(options, deal.callback);
        if (uint256(deal.tag) >= 1 << 32) options = abi.encodePacked(options, deal.tag);
    }

    function _words(Terms memory deal) private pure returns (bytes memory words) {
        deal.paramsOffset = WIDE_SIZE;
        words = new bytes(TERMS_SIZE);
        assembly ("memory-safe") {
            mcopy(add(words, 0x20), deal, mload(words))
        }
    }

    /// Reads the deal in `record`; all zero if there is none.
    function load(address record) internal view returns (Terms memory deal) {
        uint256 start = CodeRecords.head(record, COMPACT_SIZE_MAX + 32);
        uint256 numbers = _word(start, 0);
        uint256 flags = numbers >> 248;
        if (flags & IS_WIDE != 0) {
            start = CodeRecords.head(record, WIDE_SIZE + 31);
            assembly ("memory-safe") {
                mcopy(deal, add(start, 1), TERMS_SIZE)
            }
            return deal;
        }
        // Each narrowing below takes exactly the bits that _head and _parties wrote.
        deal.startTime = uint40(numbers >> 208);
        deal.timeRef = uint32(numbers >> 176);
        deal.botFirst = uint48(numbers >> 128);
        deal.botSize = uint48(numbers >> 80);
        deal.trust = uint48(numbers >> 32);
        deal.workerStakeRatio = uint16(numbers >> 16);
        deal.schedulerRewardRatio = uint8(numbers >> 8);
        deal.category = uint8(numbers);
        deal.dealId = bytes32(_word(start, 32));
        uint256 word = _word(start, 64);
        deal.app = address(uint160(word >> 96));
        deal.appPrice = uint96(word);
        word = _word(start, 96);
        deal.workerpool = address(uint160(word >> 96));
        deal.workerpoolPrice = uint96(word);
        unchecked {
            deal.workerStake = deal.workerpoolPrice * deal.workerStakeRatio / 100; // at most 112 bits
        }
        deal.appOwner = _address(start, 128);
        deal.workerpoolOwner = _address(start, 148);
        deal.requester = _address(start, 168);
        deal.tag = bytes32(uint256(uint32(_word(start, 160))));
        _loadOptions(deal, start, flags);
    }

    function _loadOptions(Terms memory deal, uint256 start, uint256 flags) private pure {
        uint256 offset = COMPACT_SIZE;
        unchecked {
            // at most COMPACT_SIZE_MAX
            if (flags & HAS_DATASET != 0) {
                deal.dataset = _address(start, offset);
                uint256 word = _word(start, offset + 20);
                deal.datasetOwner = address(uint160(word >> 96));
                deal.datasetPrice = uint96(word);
                offset += 52;
            }
            deal.sponsor = deal.requester;
            if (flags & HAS_SPONSOR != 0) {
                deal.sponsor = _address(start, offset);
                offset += 20;
            }
            deal.beneficiary = deal.requester;
            if (flags & HAS_BENEFICIARY != 0) {
                deal.beneficiary = _address(start, offset);
                offset += 20;
            }
            if (flags & HAS_CALLBACK != 0) {
                deal.callback = _address(start, offset);
                offset += 20;
            }
            if (flags & HAS_FULL_TAG != 0) {
                deal.tag = bytes32(_word(start, offset));
                offset += 32;
            }
        }
        deal.paramsOffset = offset;
    }

    /// The params of a deal that `load` returned.
    function paramsOf(Terms memory deal) internal view returns (string memory) {
        bytes memory data = CodeRecords.read(deal.dealId);
        if (data.length == 0) return "";
        uint256 offset = deal.paramsOffset;
        bytes memory text = new bytes(data.length - offset);
        assembly ("memory-safe") {
            mcopy(add(text, 0x20), add(add(data, 0x20), offset), mload(text))
        }
        return string(text);
    }

    function _word(uint256 start, uint256 offset) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(add(start, offset))
        }
    }

    function _address(uint256 start, uint256 offset) private pure returns (address) {
        return address(uint160(_word(start, offset) >> 96));
    }
}
