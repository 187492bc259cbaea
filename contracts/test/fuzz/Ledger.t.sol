// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {HubStorage} from "../../src/libraries/HubStorage.sol";
import {KITTY} from "../../src/libraries/Constants.sol";
import {Ledger} from "../../src/libraries/Ledger.sol";
import {vm, within} from "../Vm.sol";

/// The packed ledger beside one of plain numbers, over sequences of moves between few accounts.
contract LedgerTest {
    using Ledger for HubStorage.Layout;

    uint256 private constant ACCOUNTS = 4;
    uint256 private constant SUPPLY_MAX = type(uint96).max;

    struct Plain {
        uint256 balance;
        uint256 frozen;
        uint256 score;
        bool guarded;
    }

    mapping(address account => Plain) private plain;
    uint256 private supply;
    /// Seized, not yet paid out.
    uint256 private pot;

    function testFuzz_sequence(uint256[24] calldata seeds) external {
        for (uint256 i = 0; i < seeds.length; ++i) {
            _step(seeds[i]);
            _compare();
        }
    }

    function _account(uint256 seed) private view returns (address) {
        uint256 number = seed % ACCOUNTS;
        return number == 0 ? address(this) : address(uint160(0xACC0 + number));
    }

    /// One move; amounts lean to the limits. A move that plain numbers forbid must revert. The hub itself is no party of
    /// a move, and pays out only what was seized before: that much its modules see to.
    function _step(uint256 seed) private {
        uint256 kind = seed % 8;
        address a = _account(1 + (seed >> 8) % (ACCOUNTS - 1));
        address b = _account(1 + (seed >> 16) % (ACCOUNTS - 1));
        uint256 value = _value(seed >> 32, a, kind);
        if (kind == 6 && value > pot) return;
        try this.move(kind, a, b, value) {
            vm.assertTrue(_allowed(kind, a, value), "a move that must fail");
            _book(kind, a, b, value);
        } catch {
            vm.assertTrue(!_allowed(kind, a, value), "a move that must succeed");
        }
    }

    function _value(uint256 seed, address a, uint256 kind) private view returns (uint256) {
        uint256 limit = kind == 0 ? SUPPLY_MAX - supply : kind == 4 || kind == 5 ? plain[a].frozen : plain[a].balance;
        if (kind == 6) limit = pot;
        uint256 choice = seed % 8;
        if (choice == 0) return limit;
        if (choice == 1) return limit + 1;
        if (choice == 2) return 0;
        if (choice == 3) return seed;
        return within(seed >> 8, 0, limit);
    }

    function move(uint256 kind, address a, address b, uint256 value) external {
        HubStorage.Layout storage $ = HubStorage.load();
        if (kind == 0) $.mint(a, value);
        if (kind == 1) $.burn(a, value);
        if (kind == 2) $.transfer(a, b, value);
        if (kind == 3) $.lock(a, value);
        if (kind == 4) $.unlock(a, value);
        if (kind == 5) $.seize(a, value, 0);
        if (kind == 6) $.reward(a, value, 0);
        if (kind == 7) {
            $.setScore(a, value >> 1);
            $.setGuard(b, value & 1 != 0);
        }
    }

    function _allowed(uint256 kind, address a, uint256 value) private view returns (bool) {
        if (kind == 0) return value <= SUPPLY_MAX - supply;
        if (kind <= 3) return value <= plain[a].balance;
        if (kind <= 5) return value <= plain[a].frozen;
        if (kind == 6) return true;
        return value >> 1 <= Ledger.SCORE_MAX;
    }

    function _book(uint256 kind, address a, address b, uint256 value) private {
        if (kind == 0) (supply, plain[a].balance) = (supply + value, plain[a].balance + value);
        if (kind == 1) (supply, plain[a].balance) = (supply - value, plain[a].balance - value);
        if (kind == 2) _shift(a, b, value);
        if (kind == 3) {
            _shift(a, address(this), value);
            plain[a].frozen += value;
        }
        if (kind == 4) {
            _shift(address(this), a, value);
            plain[a].frozen -= value;
        }
        if (kind == 5) (plain[a].frozen, pot) = (plain[a].frozen - value, pot + value);
        if (kind == 6) {
            _shift(address(this), a, value);
            pot -= value;
        }
        if (kind == 7) (plain[a].score, plain[b].guarded) = (value >> 1, value & 1 != 0);
    }

    function _shift(address from, address to, uint256 value) private {
        plain[from].balance -= value;
        plain[to].balance += value;
    }

    function _compare() private view {
        HubStorage.Layout storage $ = HubStorage.load();
        uint256 sum;
        for (uint256 i = 0; i < ACCOUNTS; ++i) {
            address account = _account(i);
            vm.assertEq($.balanceOf(account), plain[account].balance, "balance");
            vm.assertEq($.frozenOf(account), plain[account].frozen, "frozen");
            vm.assertEq($.scoreOf(account), plain[account].score, "score");
            vm.assertEq($.isGuarded(account) ? 1 : 0, plain[account].guarded ? 1 : 0, "guard");
            sum += $.balanceOf(account);
        }
        vm.assertEq(sum, supply, "the supply is the sum of balances");
        vm.assertEq($.totalSupply, supply, "supply");
    }

    /// What is fed to the kitty is frozen there, and nothing else of it changes.
    function testFuzz_feedKitty(uint96 before, uint256 more) external {
        HubStorage.Layout storage $ = HubStorage.load();
        more = within(more, 0, SUPPLY_MAX - before);
        $.feedKitty(before, 0);
        $.setScore(KITTY, 7);
        $.feedKitty(more, 0);
        vm.assertEq($.frozenOf(KITTY), before + more, "frozen");
        vm.assertEq($.balanceOf(KITTY), 0, "balance");
        vm.assertEq($.scoreOf(KITTY), 7, "score");
    }
}
