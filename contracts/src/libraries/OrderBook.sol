// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {HubStorage} from "./HubStorage.sol";
import {Signatures} from "./Signatures.sol";

/// What the hub remembers of an order, in one word: the account that signed it on chain in bits 0-159, the consumed
/// volume in bits 160-254, and in bit 255 whether that volume lies in a slot of its own because it is wider.
library OrderBook {
    uint256 private constant CONSUMED_SHIFT = 160;
    uint256 private constant CONSUMED_MAX = type(uint256).max >> 161;
    uint256 private constant WIDE = 1 << 255;

    function presigner(uint256 word) internal pure returns (address) {
        return address(uint160(word)); // the low 160 bits
    }

    function consumed(HubStorage.Layout storage $, bytes32 hash, uint256 word) internal view returns (uint256) {
        return word & WIDE == 0 ? word >> CONSUMED_SHIFT : $.wideConsumed[hash];
    }

    function setConsumed(HubStorage.Layout storage $, bytes32 hash, uint256 word, uint256 volume) internal {
        uint256 signer = uint160(word); // the low 160 bits
        if (volume <= CONSUMED_MAX) {
            $.orders[hash] = signer | (volume << CONSUMED_SHIFT);
        } else {
            $.orders[hash] = signer | WIDE;
            $.wideConsumed[hash] = volume;
        }
    }

    function setPresigner(HubStorage.Layout storage $, bytes32 hash, address signer) internal {
        uint256 word = $.orders[hash];
        $.orders[hash] = ((word >> CONSUMED_SHIFT) << CONSUMED_SHIFT) | uint160(signer);
    }

    /// Whether `account` signed the order, on chain (as `word` tells) or with `signature`.
    function isSigned(uint256 word, address account, bytes32 hash, bytes calldata signature)
        internal
        view
        returns (bool)
    {
        if (account != address(0) && presigner(word) == account) return true;
        return Signatures.isValid(account, hash, signature);
    }
}
