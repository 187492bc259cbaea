// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Panic} from "@openzeppelin/contracts/utils/Panic.sol";
import {ILedger} from "../interfaces/ILedger.sol";
import {HubStorage} from "./HubStorage.sol";
import {KITTY} from "./Constants.sol";

/// The moves of escrowed value over accounts of one word:
/// balance in bits 0-95, frozen in 96-191, score in 192-254, match guard in 255.
///
/// Sums of balances and of frozen values never exceed the total supply, which is kept below 2^96: the unchecked
/// additions on packed words below can therefore not carry into a neighbour.
library Ledger {
    uint256 private constant FROZEN_SHIFT = 96;
    uint256 private constant SCORE_SHIFT = 192;
    uint256 private constant GUARD = 1 << 255;
    uint256 internal constant SCORE_MAX = type(uint256).max >> 193;

    function balanceOf(HubStorage.Layout storage $, address account) internal view returns (uint256) {
        return uint96($.accounts[account]);
    }

    function frozenOf(HubStorage.Layout storage $, address account) internal view returns (uint256) {
        return uint96($.accounts[account] >> FROZEN_SHIFT);
    }

    function scoreOf(HubStorage.Layout storage $, address account) internal view returns (uint256) {
        return ($.accounts[account] >> SCORE_SHIFT) & SCORE_MAX;
    }

    function isGuarded(HubStorage.Layout storage $, address account) internal view returns (bool) {
        return $.accounts[account] & GUARD != 0;
    }

    function setGuard(HubStorage.Layout storage $, address account, bool enabled) internal {
        uint256 word = $.accounts[account];
        $.accounts[account] = enabled ? word | GUARD : word & ~GUARD;
    }

    /// A score over 2^63 - 1 panics: no worker can earn it, only a foreign hub could report it.
    function setScore(HubStorage.Layout storage $, address account, uint256 score) internal {
        if (score > SCORE_MAX) Panic.panic(Panic.UNDER_OVERFLOW);
        uint256 word = $.accounts[account];
        $.accounts[account] = (word & ~(SCORE_MAX << SCORE_SHIFT)) | (score << SCORE_SHIFT);
    }

    /// New value backed by tokens that the hub just received.
    function mint(HubStorage.Layout storage $, address to, uint256 value) internal {
        if (to == address(0)) revert("ERC20: mint to the zero address");
        uint256 supply = $.totalSupply + value;
        if (supply > type(uint96).max) Panic.panic(Panic.UNDER_OVERFLOW);
        $.totalSupply = uint96(supply); // checked on the line above
        _credit($, to, value);
        emit ILedger.Transfer(address(0), to, value);
    }

    /// Value about to leave the hub.
    function burn(HubStorage.Layout storage $, address from, uint256 value) internal {
        if (from == address(0)) revert("ERC20: burn from the zero address");
        uint256 word = $.accounts[from];
        require(uint96(word) >= value);
        unchecked {
            $.accounts[from] = word - value; // balance >= value
            $.totalSupply = uint96($.totalSupply - value); // supply >= balance
        }
        emit ILedger.Transfer(from, address(0), value);
    }

    /// An ERC-20 transfer; short balances revert without data.
    function transfer(HubStorage.Layout storage $, address from, address to, uint256 value) internal {
        uint256 word = $.accounts[from];
        require(uint96(word) >= value);
        unchecked {
            $.accounts[from] = word - value; // balance >= value
        }
        _credit($, to, value);
        emit ILedger.Transfer(from, to, value);
    }

    /// Locks free value of `account`.
    function lock(HubStorage.Layout storage $, address account, uint256 value) internal {
        if (account == address(0)) revert("IexecEscrow: Transfer from empty address");
        uint256 word = $.accounts[account];
        if (uint96(word) < value) revert("IexecEscrow: Transfer amount exceeds balance");
        unchecked {
            $.accounts[account] = word - value + (value << FROZEN_SHIFT); // balance >= value, frozen fits
        }
        _credit($, address(this), value);
        emit ILedger.Transfer(account, address(this), value);
        emit ILedger.Lock(account, value);
    }

    /// Frees locked value of `account`.
    function unlock(HubStorage.Layout storage $, address account, uint256 value) internal {
        _release($, account, value);
        uint256 word = $.accounts[account];
        if (uint96(word >> FROZEN_SHIFT) < value) Panic.panic(Panic.UNDER_OVERFLOW);
        unchecked {
            $.accounts[account] = word + value - (value << FROZEN_SHIFT); // frozen >= value, balance fits
        }
        emit ILedger.Transfer(address(this), account, value);
        emit ILedger.Unlock(account, value);
    }

    /// Pays `account` out of value seized before.
    function reward(HubStorage.Layout storage $, address account, uint256 value, bytes32 ref) internal {
        _release($, account, value);
        _credit($, account, value);
        emit ILedger.Transfer(address(this), account, value);
        emit ILedger.Reward(account, value, ref);
    }

    /// Takes locked value from `account`; it stays in the hub's own balance.
    function seize(HubStorage.Layout storage $, address account, uint256 value, bytes32 ref) internal {
        uint256 word = $.accounts[account];
        if (uint96(word >> FROZEN_SHIFT) < value) Panic.panic(Panic.UNDER_OVERFLOW);
        unchecked {
            $.accounts[account] = word - (value << FROZEN_SHIFT); // frozen >= value
        }
        emit ILedger.Seize(account, value, ref);
    }

    /// Gives a seized stake to the kitty, locked.
    function feedKitty(HubStorage.Layout storage $, uint256 value, bytes32 ref) internal {
        unchecked {
            $.accounts[KITTY] += value << FROZEN_SHIFT; // was frozen elsewhere, so it fits
        }
        emit ILedger.Reward(KITTY, value, ref);
        emit ILedger.Lock(KITTY, value);
    }

    function _release(HubStorage.Layout storage $, address to, uint256 value) private {
        if (to == address(0)) revert("IexecEscrow: Transfer to empty address");
        uint256 word = $.accounts[address(this)];
        if (uint96(word) < value) revert("IexecEscrow: Transfer amount exceeds balance");
        unchecked {
            $.accounts[address(this)] = word - value; // balance >= value
        }
    }

    function _credit(HubStorage.Layout storage $, address to, uint256 value) private {
        unchecked {
            $.accounts[to] += value; // the sum of all balances is the supply, below 2^96
        }
    }
}
