// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {CodeFactory} from "./CodeFactory.sol";

/// Immutable data kept as contract code: far cheaper than storage slots, and read by one account access. A record
/// starts with STOP, so that it cannot be executed. Data beyond the code limit continues in records under derived
/// keys.
library CodeRecords {
    /// Bytes of data in one record.
    uint256 internal constant CHUNK = CodeFactory.CODE_MAX - 1;

    /// Where the record `key` of this contract lies or would lie.
    function addressOf(bytes32 key) internal view returns (address) {
        return CodeFactory.addressOf(key);
    }

    /// Creates the record `key` (and its continuations) with `data`, which may be empty.
    function write(bytes32 key, bytes memory data) internal {
        uint256 start;
        assembly ("memory-safe") {
            start := add(data, 0x20)
        }
        uint256 left = data.length;
        while (true) {
            uint256 size = left < CHUNK ? left : CHUNK;
            _deploy(key, start, size);
            // A full record announces another one, even an empty one: readers stop at the first that is not full.
            if (size < CHUNK) break;
            left -= size;
            start += size;
            key = _next(key);
        }
    }

    /// Deploys STOP and the `size` bytes from `start`. The byte before them lends its place to STOP meanwhile.
    function _deploy(bytes32 key, uint256 start, uint256 size) private {
        uint256 before;
        assembly ("memory-safe") {
            before := mload(sub(start, 0x20))
            mstore8(sub(start, 1), 0)
        }
        CodeFactory.deploy(key, start - 1, size + 1);
        assembly ("memory-safe") {
            mstore(sub(start, 0x20), before)
        }
    }

    function _next(bytes32 key) private pure returns (bytes32) {
        return keccak256(abi.encode(key));
    }

    /// The data of record `key`, empty if there is none.
    function read(bytes32 key) internal view returns (bytes memory data) {
        data = _readOne(addressOf(key));
        for (uint256 last = data.length; last == CHUNK;) {
            key = _next(key);
            bytes memory more = _readOne(addressOf(key));
            last = more.length;
            data = bytes.concat(data, more);
        }
    }

    function _readOne(address record) private view returns (bytes memory data) {
        uint256 size = record.code.length;
        if (size == 0) return data;
        data = new bytes(size - 1);
        assembly ("memory-safe") {
            extcodecopy(record, add(data, 0x20), 1, sub(size, 1))
        }
    }

    /// Copies the first `length` bytes of data of `record` to fresh memory, zeros where it is shorter.
    function head(address record, uint256 length) internal view returns (uint256 start) {
        assembly ("memory-safe") {
            start := mload(0x40)
            mstore(0x40, add(start, and(add(length, 0x1f), not(0x1f))))
            extcodecopy(record, start, 1, length)
        }
    }
}
