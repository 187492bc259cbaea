// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IEscrow} from "../../src/interfaces/IEscrow.sol";
import {IStakedRlc} from "../../src/interfaces/IStakedRlc.sol";
import {vm, within} from "../Vm.sol";
import {Books} from "./Books.sol";

/// Accounts move their own value about. Amounts reach one beyond what is there: such calls must fail.
abstract contract EscrowActions is Books {
    function _actor(uint256 seed) internal view returns (address) {
        return actors[seed % ACTORS];
    }

    function _amount(uint256 seed, uint256 limit) private pure returns (uint256) {
        if (seed % 16 == 0) return limit + 1;
        if (seed % 16 == 1) return limit;
        return within(seed >> 4, 0, limit / 8);
    }

    function deposit(uint256 who, uint256 seed, uint256 whom) external {
        address actor = _actor(who);
        uint256 limit = rlc.balanceOf(actor);
        uint256 amount = _amount(seed, limit);
        address target = seed & 256 == 0 ? actor : _actor(whom);
        (bool ok,) = _send("deposit", actor, abi.encodeCall(IEscrow.depositFor, (amount, target)));
        _contradict(ok != (amount <= limit), "deposit beyond the tokens, or refused within them");
        if (ok) _move(actor, target, amount);
    }

    function withdraw(uint256 who, uint256 seed, uint256 whom) external {
        address actor = _actor(who);
        uint256 limit = hub.balanceOf(actor);
        uint256 amount = _amount(seed, limit);
        address target = seed & 256 == 0 ? actor : _actor(whom);
        (bool ok,) = _send("withdraw", actor, abi.encodeCall(IEscrow.withdrawTo, (amount, target)));
        _contradict(ok != (amount <= limit), "withdrawal beyond the free balance, or refused within it");
        if (ok) _move(actor, target, amount);
    }

    function transfer(uint256 who, uint256 seed, uint256 whom) external {
        address actor = _actor(who);
        uint256 limit = hub.balanceOf(actor);
        uint256 amount = _amount(seed, limit);
        address target = seed % 32 == 5 ? address(hub) : _actor(whom);
        (bool ok,) = _send("transfer", actor, abi.encodeCall(IStakedRlc.transfer, (target, amount)));
        _contradict(ok != (amount <= limit && target != address(hub)), "transfer");
        if (ok) _move(actor, target, amount);
    }

    function approve(uint256 who, uint256 seed, uint256 whom) external {
        address actor = _actor(who);
        uint256 amount = _amount(seed, hub.balanceOf(actor));
        (bool ok,) = _send("approve", actor, abi.encodeCall(IStakedRlc.approve, (_actor(whom), amount)));
        _contradict(!ok, "approve");
    }

    function transferFrom(uint256 who, uint256 seed, uint256 whom) external {
        address owner = _actor(whom);
        address actor = _actor(who);
        uint256 allowed = hub.allowance(owner, actor);
        uint256 limit = hub.balanceOf(owner) < allowed ? hub.balanceOf(owner) : allowed;
        uint256 amount = _amount(seed, limit);
        (bool ok,) = _send("transferFrom", actor, abi.encodeCall(IStakedRlc.transferFrom, (owner, actor, amount)));
        _contradict(ok != (amount <= limit), "transfer beyond what the owner allowed");
        if (!ok) return;
        _contradict(hub.allowance(owner, actor) != allowed - amount, "an allowance must be used up");
        _move(owner, actor, amount);
    }

    /// Tokens that reach the hub by mistake belong to nobody until its owner collects them.
    function donate(uint256 who, uint256 seed) external {
        address actor = _actor(who);
        uint256 amount = within(seed, 0, rlc.balanceOf(actor) / 64);
        vm.prank(actor);
        rlc.transfer(address(hub), amount);
        wealth[actor] -= amount;
        donated += amount;
    }

    function recover(uint256 who) external {
        address actor = who % 4 == 0 ? _actor(who >> 2) : actors[ACTORS - 1];
        (bool ok,) = _send("recover", actor, abi.encodeCall(IEscrow.recover, ()));
        _contradict(ok != (actor == hub.owner()), "recover is the owner's");
        if (!ok) return;
        wealth[actor] += donated;
        donated = 0;
    }
}
