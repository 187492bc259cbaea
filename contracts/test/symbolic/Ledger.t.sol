// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {KITTY} from "../../src/libraries/Constants.sol";
import {HubStorage} from "../../src/libraries/HubStorage.sol";
import {Ledger} from "../../src/libraries/Ledger.sol";

/// For halmos, over all words of any two accounts and of the hub: each move shifts its value and touches nothing else.
/// Assumed is what Ledger.sol says, that sums of balances and of frozen values are at most the supply, below 2^96.
/// That moves keep it so follows from what is proven here: each balances what it adds with what it takes.
///
/// Accounts are arguments and not constants: halmos must see the same hash wherever it meets their slots.
contract LedgerCheck {
    using Ledger for HubStorage.Layout;

    uint256 private constant REST = type(uint256).max << 192;

    struct Pair {
        address a;
        address b;
    }

    /// Any state of three accounts that is possible while the supply is below 2^96.
    function _assume(Pair memory pair, uint256 a, uint256 b, uint256 hub)
        private
        returns (HubStorage.Layout storage $, bool possible)
    {
        $ = HubStorage.load();
        if (!_differ(pair)) return ($, false);
        $.accounts[pair.a] = a;
        $.accounts[pair.b] = b;
        $.accounts[address(this)] = hub;
        uint256 supply = _free(a) + _free(b) + _free(hub);
        uint256 frozen = _frozen(a) + _frozen(b) + _frozen(hub);
        possible = supply <= type(uint96).max && frozen <= _free(hub);
        if (possible) $.totalSupply = uint96(supply); // at most 2^96 - 1, as the line above says
    }

    function _differ(Pair memory pair) private view returns (bool) {
        address hub = address(this);
        return pair.a != pair.b && pair.a != hub && pair.b != hub && pair.a != address(0) && pair.b != address(0);
    }

    function _free(uint256 word) private pure returns (uint256) {
        return uint96(word); // bits 0-95
    }

    function _frozen(uint256 word) private pure returns (uint256) {
        return uint96(word >> 96); // bits 96-191
    }

    function _expect(address account, uint256 before, uint256 free, uint256 frozen) private view {
        uint256 word = HubStorage.load().accounts[account];
        assert(word == (before & REST) | (frozen << 96) | free);
        assert(free <= type(uint96).max && frozen <= type(uint96).max);
    }

    function check_transfer(Pair memory pair, uint256 a, uint256 b, uint256 hub, uint256 value) external {
        (HubStorage.Layout storage $, bool possible) = _assume(pair, a, b, hub);
        if (!possible) return;
        $.transfer(pair.a, pair.b, value);
        _expect(pair.a, a, _free(a) - value, _frozen(a));
        _expect(pair.b, b, _free(b) + value, _frozen(b));
        _expect(address(this), hub, _free(hub), _frozen(hub));
    }

    function check_transferToOneself(Pair memory pair, uint256 a, uint256 b, uint256 hub, uint256 value) external {
        (HubStorage.Layout storage $, bool possible) = _assume(pair, a, b, hub);
        if (!possible) return;
        $.transfer(pair.a, pair.a, value);
        _expect(pair.a, a, _free(a), _frozen(a));
    }

    function check_mint(Pair memory pair, uint256 a, uint256 b, uint256 hub, uint256 value) external {
        (HubStorage.Layout storage $, bool possible) = _assume(pair, a, b, hub);
        if (!possible) return;
        uint256 supply = $.totalSupply;
        $.mint(pair.a, value);
        _expect(pair.a, a, _free(a) + value, _frozen(a));
        assert($.totalSupply == supply + value);
    }

    function check_burn(Pair memory pair, uint256 a, uint256 b, uint256 hub, uint256 value) external {
        (HubStorage.Layout storage $, bool possible) = _assume(pair, a, b, hub);
        if (!possible) return;
        uint256 supply = $.totalSupply;
        $.burn(pair.a, value);
        _expect(pair.a, a, _free(a) - value, _frozen(a));
        assert($.totalSupply == supply - value);
    }

    function check_lock(Pair memory pair, uint256 a, uint256 b, uint256 hub, uint256 value) external {
        (HubStorage.Layout storage $, bool possible) = _assume(pair, a, b, hub);
        if (!possible) return;
        $.lock(pair.a, value);
        _expect(pair.a, a, _free(a) - value, _frozen(a) + value);
        _expect(address(this), hub, _free(hub) + value, _frozen(hub));
    }

    function check_unlock(Pair memory pair, uint256 a, uint256 b, uint256 hub, uint256 value) external {
        (HubStorage.Layout storage $, bool possible) = _assume(pair, a, b, hub);
        if (!possible) return;
        $.unlock(pair.a, value);
        _expect(pair.a, a, _free(a) + value, _frozen(a) - value);
        _expect(address(this), hub, _free(hub) - value, _frozen(hub));
    }

    function check_seizeAndReward(Pair memory pair, uint256 a, uint256 b, uint256 hub, uint256 value) external {
        (HubStorage.Layout storage $, bool possible) = _assume(pair, a, b, hub);
        if (!possible) return;
        $.seize(pair.a, value, 0);
        _expect(pair.a, a, _free(a), _frozen(a) - value);
        _expect(address(this), hub, _free(hub), _frozen(hub));
        $.reward(pair.b, value, 0);
        _expect(pair.b, b, _free(b) + value, _frozen(b));
        _expect(address(this), hub, _free(hub) - value, _frozen(hub));
    }

    /// What is seized and not paid out is frozen in the kitty: the sum of what is frozen stays.
    function check_seizeForTheKitty(Pair memory pair, uint256 a, uint256 hub, uint96 before, uint256 value) external {
        if (pair.a == KITTY || pair.b == KITTY) return;
        (HubStorage.Layout storage $, bool possible) = _assume(pair, a, 0, hub);
        if (!possible || before > _free(hub) - _frozen(a)) return;
        $.feedKitty(before, 0);
        $.seize(pair.a, value, 0);
        $.feedKitty(value, 0);
        _expect(pair.a, a, _free(a), _frozen(a) - value);
        assert($.frozenOf(KITTY) == before + value);
        assert($.balanceOf(KITTY) == 0 && $.scoreOf(KITTY) == 0);
    }

    // A move that is refused is one that the account cannot afford: nothing else panics or reverts.

    function check_transferIsRefused(Pair memory pair, uint256 a, uint256 b, uint256 hub, uint256 value) external {
        _expectRefusal(pair, a, b, hub, value, abi.encodeCall(this.transfer, (pair, value)), _free(a));
    }

    function check_burnIsRefused(Pair memory pair, uint256 a, uint256 b, uint256 hub, uint256 value) external {
        _expectRefusal(pair, a, b, hub, value, abi.encodeCall(this.burn, (pair, value)), _free(a));
    }

    function check_lockIsRefused(Pair memory pair, uint256 a, uint256 b, uint256 hub, uint256 value) external {
        _expectRefusal(pair, a, b, hub, value, abi.encodeCall(this.lock, (pair, value)), _free(a));
    }

    function _expectRefusal(
        Pair memory pair,
        uint256 a,
        uint256 b,
        uint256 hub,
        uint256 value,
        bytes memory data,
        uint256 limit
    ) private {
        (, bool possible) = _assume(pair, a, b, hub);
        if (!possible) return;
        (bool ok,) = address(this).call(data);
        assert(ok == (value <= limit));
    }

    function transfer(Pair memory pair, uint256 value) external {
        HubStorage.load().transfer(pair.a, pair.b, value);
    }

    function burn(Pair memory pair, uint256 value) external {
        HubStorage.load().burn(pair.a, value);
    }

    function lock(Pair memory pair, uint256 value) external {
        HubStorage.load().lock(pair.a, value);
    }

    function check_scoreAndGuard(address account, uint256 a, uint256 score, bool enabled) external {
        HubStorage.Layout storage $ = HubStorage.load();
        $.accounts[account] = a;
        $.setGuard(account, enabled);
        assert($.isGuarded(account) == enabled);
        assert(($.accounts[account] ^ a) << 1 == 0);
        uint256 word = $.accounts[account];
        $.setScore(account, score);
        assert($.scoreOf(account) == score && score < 1 << 63);
        assert(($.accounts[account] ^ word) & ~(Ledger.SCORE_MAX << 192) == 0);
    }
}
