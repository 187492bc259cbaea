// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBoost} from "../../src/interfaces/IBoost.sol";
import {IEscrow} from "../../src/interfaces/IEscrow.sol";
import {IHub} from "../../src/interfaces/IHub.sol";
import {ITasks} from "../../src/interfaces/ITasks.sol";
import {KITTY} from "../../src/libraries/Constants.sol";
import {vm} from "../Vm.sol";
import {TaskActions} from "./Tasks.sol";

/// A consumer of results that calls back into the hub with everything that settles or moves value.
contract HostileConsumer {
    uint256 public called;
    uint256 public gained;

    function receiveResult(bytes32 taskId, bytes calldata result) external {
        ++called;
        _try(abi.encodeCall(ITasks.claim, (taskId)));
        _try(abi.encodeCall(ITasks.finalize, (taskId, "", result)));
        _try(abi.encodeCall(ITasks.reopen, (taskId)));
        _try(abi.encodeCall(ITasks.reveal, (taskId, keccak256(result))));
        _try(abi.encodeCall(IBoost.claimBoost, (taskId, 0)));
        _try(abi.encodeCall(IEscrow.recover, ()));
        _try(abi.encodeCall(IEscrow.withdraw, (1)));
    }

    function _try(bytes memory data) private {
        (bool ok,) = msg.sender.call(data);
        if (ok) ++gained;
    }
}

/// Actions of many accounts and the books that must agree with the hub.
contract Handler is TaskActions {
    constructor() {
        _populate();
        _openBooks();
        consumer = address(new HostileConsumer());
    }

    function theHub() external view returns (IHub) {
        return hub;
    }

    function tokensHeld() external view returns (uint256) {
        return rlc.balanceOf(address(hub));
    }

    function actor(uint256 i) external view returns (address) {
        return actors[i];
    }

    function actorCount() external pure returns (uint256) {
        return ACTORS;
    }

    function wealthFound(address account) external view returns (uint256) {
        return rlc.balanceOf(account) + hub.balanceOf(account) + hub.frozenOf(account);
    }

    function scoreExpected(address account) external view returns (uint256) {
        return scores[account];
    }

    function taskCount() external view returns (uint256) {
        return tasks.length;
    }

    function isIntact(uint256 at) external view returns (bool) {
        return !tasks[at].finished || tasks[at].seal == _sealOf(tasks[at]);
    }

    function consumerGained() external view returns (uint256) {
        return HostileConsumer(consumer).gained();
    }

    function consumerCalled() external view returns (uint256) {
        return HostileConsumer(consumer).called();
    }
}

/// What holds after every call, whoever made it.
contract HubInvariants {
    uint256 private constant STEPS = 3000;
    /// Times that each action must have taken effect on the walk.
    uint256 private constant OFTEN = 2;

    Handler private handler;
    IHub private hub;

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function setUp() external {
        handler = new Handler();
        hub = handler.theHub();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), _actions());
    }

    /// The actions; those that carry tasks on stand several times.
    function _actions() private view returns (bytes4[] memory list) {
        bytes4[30] memory all = [
            handler.deposit.selector, handler.withdraw.selector, handler.transfer.selector, handler.approve.selector,
            handler.transferFrom.selector, handler.donate.selector, handler.recover.selector, handler.matchNew.selector,
            handler.matchNew.selector, handler.matchAgain.selector, handler.changePolicy.selector,
            handler.handOver.selector, handler.warp.selector, handler.initialize.selector, handler.initialize.selector,
            handler.contribute.selector, handler.contribute.selector, handler.contribute.selector,
            handler.contribute.selector, handler.reveal.selector, handler.reveal.selector, handler.reveal.selector,
            handler.finalize.selector, handler.contributeAndFinalize.selector, handler.claim.selector,
            handler.push.selector, handler.claimBoost.selector, handler.reopen.selector,
            handler.reopen.selector, handler.contribute.selector
        ];
        list = new bytes4[](all.length);
        for (uint256 i = 0; i < all.length; ++i) {
            list[i] = all[i];
        }
    }

    /// One invariant of many parts: each call is followed by all of them.
    function invariant_books() external view {
        _check();
    }

    /// A long walk on which everything happens: it shows that the actions above do more than fail. Each action is a
    /// transaction of its own, as on a chain: transient storage ends with it.
    /// forge-config: default.isolate = true
    /// forge-config: deep.isolate = true
    function test_walkReachesEverything() external {
        bytes4[] memory actions = _actions();
        for (uint256 i = 0; i < STEPS; ++i) {
            bytes32[4] memory seeds;
            for (uint256 j = 0; j < 4; ++j) {
                seeds[j] = keccak256(abi.encode("walk", i, j));
            }
            // Actions with results take them as their last argument: 32 bytes that stand behind the others.
            bytes4 action = actions[uint256(keccak256(abi.encode("action", i))) % actions.length];
            bytes memory data = abi.encodePacked(action, _arguments(action, seeds));
            (bool ok,) = address(handler).call(data);
            vm.assertTrue(ok, "the books hold no contradiction");
            if (i % 64 == 0) _check();
        }
        _check();
        bytes32[17] memory all = [
            bytes32("deposit"), "withdraw", "transfer", "approve", "transferFrom", "recover", "match", "matchBoost",
            "initialize", "contribute", "reveal", "reopen", "finalize", "contributeAndFinalize", "claim", "push",
            "claimBoost"
        ];
        for (uint256 i = 0; i < all.length; ++i) {
            string memory name = string(abi.encodePacked(all[i]));
            vm.assertTrue(handler.done(all[i]) >= OFTEN, string.concat("seldom done: ", name));
            vm.assertTrue(handler.tried(all[i]) > handler.done(all[i]) || all[i] == "approve", string.concat("never refused: ", name));
        }
        vm.assertTrue(handler.consumerCalled() >= OFTEN, "the hostile consumer was seldom called");
    }

    function _arguments(bytes4 action, bytes32[4] memory seeds) private view returns (bytes memory) {
        bytes memory results = abi.encodePacked(seeds[3]);
        if (action == handler.push.selector) return abi.encode(seeds[0], seeds[1], seeds[2], results);
        if (action == handler.finalize.selector || action == handler.contributeAndFinalize.selector) {
            return abi.encode(seeds[0], seeds[1], results);
        }
        return abi.encode(seeds);
    }

    function _check() private view {
        vm.assertEq(handler.contradiction(), "", "an action that must fail succeeded, or the reverse");
        _checkAccounts();
        _checkOrders();
        for (uint256 i = 0; i < handler.taskCount(); ++i) {
            vm.assertTrue(handler.isIntact(i), "a finished task never changes");
        }
        vm.assertEq(handler.consumerGained(), 0, "a consumer that calls back gets nothing");
    }

    function _checkAccounts() private view {
        uint256 frozen = hub.frozenOf(KITTY);
        uint256 free = hub.balanceOf(KITTY);
        vm.assertEq(frozen, handler.frozen(KITTY), "frozen in the kitty");
        for (uint256 i = 0; i < handler.actorCount(); ++i) {
            address actor = handler.actor(i);
            vm.assertEq(handler.wealthFound(actor), handler.wealth(actor), "nobody gains or loses beyond its due");
            vm.assertEq(hub.frozenOf(actor), handler.frozen(actor), "frozen is what the account answers for");
            vm.assertEq(hub.viewScore(actor), handler.scoreExpected(actor), "score");
            frozen += hub.frozenOf(actor);
            free += hub.balanceOf(actor);
        }
        uint256 own = hub.balanceOf(address(hub));
        vm.assertEq(own, frozen, "the hub's own balance is the sum of what is frozen");
        vm.assertEq(free + own, hub.totalSupply(), "the supply is the sum of balances");
        vm.assertEq(hub.totalSupply() + handler.donated(), handler.tokensHeld(), "the supply is the tokens held");
    }

    function _checkOrders() private view {
        for (uint256 i = 0; i < handler.orderCount(); ++i) {
            bytes32 hash = handler.hashes(i);
            vm.assertTrue(hub.viewConsumed(hash) <= handler.volumes(hash), "consumed beyond the volume");
        }
    }

    /// A run that made no deal has shown nothing. Runs are long enough to make one with any seed; what forge shortens to
    /// show a failure is not.
    function afterInvariant() external view {
        if (handler.calls() < 80) return;
        vm.assertTrue(handler.done("match") + handler.done("matchBoost") > 0, "no deal was made");
    }
}
