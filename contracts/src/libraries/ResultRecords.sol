// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {CodeRecords} from "./CodeRecords.sol";

/// Results and callback data of a completed task as a code record under the task's identifier.
///
/// Bytes: length of the results 4 (its top bit tells that an enclave challenge follows), challenge 20, for tasks
/// completed in one step the digest 32, results, callback data. A task whose results and callback data are both
/// empty has no record, unless it took one step.
library ResultRecords {
    uint32 private constant HAS_CHALLENGE = 1 << 31;

    function write(bytes32 taskId, bytes calldata results, bytes calldata callbackData) internal {
        if (results.length == 0 && callbackData.length == 0) return;
        // calldata is far shorter than 2^31 bytes
        CodeRecords.write(taskId, abi.encodePacked(uint32(results.length), results, callbackData));
    }

    function writeOneStep(
        bytes32 taskId,
        bytes32 digest,
        address challenge,
        bytes calldata results,
        bytes calldata callbackData
    ) internal {
        bytes memory head = challenge == address(0)
            ? abi.encodePacked(uint32(results.length), digest)
            : abi.encodePacked(uint32(results.length) | HAS_CHALLENGE, challenge, digest);
        CodeRecords.write(taskId, abi.encodePacked(head, results, callbackData));
    }

    /// Results and callback data, empty if there is no record.
    function read(bytes32 taskId, bool oneStep) internal view returns (bytes memory results, bytes memory callbackData) {
        bytes memory data = CodeRecords.read(taskId);
        if (data.length == 0) return (results, callbackData);
        uint32 length = uint32(bytes4(data));
        uint256 offset = 4 + (length & HAS_CHALLENGE != 0 ? 20 : 0) + (oneStep ? 32 : 0);
        length &= ~HAS_CHALLENGE;
        results = _slice(data, offset, length);
        callbackData = _slice(data, offset + length, data.length - offset - length);
    }

    /// Digest and enclave challenge of a task completed in one step.
    function readOneStep(bytes32 taskId) internal view returns (bytes32 digest, address challenge) {
        uint256 start = CodeRecords.head(CodeRecords.addressOf(taskId), 64);
        assembly ("memory-safe") {
            switch shr(255, mload(start))
            case 0 { digest := mload(add(start, 4)) }
            default {
                challenge := shr(96, mload(add(start, 4)))
                digest := mload(add(start, 24))
            }
        }
    }

    function _slice(bytes memory data, uint256 offset, uint256 length) private pure returns (bytes memory part) {
        part = new bytes(length);
        assembly ("memory-safe") {
            mcopy(add(part, 0x20), add(add(data, 0x20), offset), length)
        }
    }
}
