// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {HubStorage} from "./HubStorage.sol";
import {GROUPMEMBER_PURPOSE} from "./Constants.sol";

/// ERC-734 key holder, used as a group of accounts.
interface IGroup {
    function keyHasPurpose(bytes32 key, uint256 purpose) external view returns (bool);
}

/// Who signed what, and who belongs to which group.
library Signatures {
    /// Half of the order of secp256k1: larger `s` are malleable twins.
    uint256 private constant HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;

    /// Whether `signature` over `digest` is by `account`. Accounts with code are asked; there is no fallback.
    function isValid(address account, bytes32 digest, bytes calldata signature) internal view returns (bool) {
        if (account.code.length != 0) {
            return _answers(
                account,
                abi.encodeCall(IERC1271.isValidSignature, (digest, signature)),
                bytes32(IERC1271.isValidSignature.selector)
            );
        }
        bytes32 r;
        uint256 s;
        uint256 v;
        if (signature.length == 65) {
            r = bytes32(signature[0:32]);
            s = uint256(bytes32(signature[32:64]));
            v = uint8(signature[64]);
        } else if (signature.length == 64) {
            r = bytes32(signature[0:32]);
            s = uint256(bytes32(signature[32:64]));
            v = 27 + (s >> 255);
            s &= type(uint256).max >> 1;
        } else {
            revert("invalid-signature-format");
        }
        if (s > HALF_ORDER || (v != 27 && v != 28)) return false;
        address signer = ecrecover(digest, uint8(v), r, bytes32(s)); // v is 27 or 28
        return signer != address(0) && signer == account;
    }

    /// The personal-message form (EIP-191) of a 32-byte hash.
    function personal(bytes32 hash) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked("\x19Ethereum Signed Message:\n32", hash));
    }

    /// Whether `restriction` accepts `account`: none, equal, or a group that has it as a member.
    function accepts(address restriction, address account) internal view returns (bool) {
        if (restriction == address(0) || restriction == account) return true;
        if (restriction.code.length == 0) return false;
        bytes32 key = bytes32(uint256(uint160(account)));
        return _answers(
            restriction, abi.encodeCall(IGroup.keyHasPurpose, (key, GROUPMEMBER_PURPOSE)), bytes32(uint256(1))
        );
    }

    /// Whether a static call returns exactly `expected`; failures and malformed answers count as no.
    function _answers(address target, bytes memory data, bytes32 expected) private view returns (bool ok) {
        assembly ("memory-safe") {
            mstore(0x00, 0)
            ok := staticcall(gas(), target, add(data, 0x20), mload(data), 0x00, 0x20)
            ok := and(and(ok, gt(returndatasize(), 0x1f)), eq(mload(0x00), expected))
        }
    }
}
