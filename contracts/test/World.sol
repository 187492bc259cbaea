// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {IWorkerpool} from "../src/interfaces/IAsset.sol";
import {HubStorage} from "../src/libraries/HubStorage.sol";
import {Deployment} from "./Deployment.sol";
import {Eip712, OrderSet, Signing} from "./Orders.sol";
import {vm} from "./Vm.sol";

/// A deployed hub with accounts whose keys are known, each with tokens and a deposit, and one asset of each kind.
abstract contract World is Deployment {
    uint256 internal constant ACTORS = 9;
    /// Holds the tokens and a deposit, half each, in nRLC.
    uint256 internal constant WEALTH = 2e15;
    /// Slot of `accounts` in the layout (storage/Hub.json).
    uint256 private constant ACCOUNTS_OFFSET = 10;
    /// Key 1 is actor 0 and so on. Actor 8 owns the hub in tests that need its powers.
    address[ACTORS] internal actors;
    mapping(address actor => uint256) internal keys;

    address internal app;
    address internal dataset;
    address internal workerpool;
    uint256 private salts;

    function _populate() internal {
        _deploy();
        for (uint256 i = 0; i < ACTORS; ++i) {
            actors[i] = vm.addr(i + 1);
            keys[actors[i]] = i + 1;
            vm.prank(DEPLOYER);
            rlc.transfer(actors[i], WEALTH);
            vm.startPrank(actors[i]);
            rlc.approve(address(hub), type(uint256).max);
            hub.deposit(WEALTH / 2);
            vm.stopPrank();
        }
        app = apps.createApp(actors[0], "app", "DOCKER", "", 0, "");
        dataset = datasets.createDataset(actors[1], "dataset", "", 0);
        workerpool = workerpools.createWorkerpool(actors[2], "workerpool");
        vm.prank(OWNER);
        hub.transferOwnership(actors[8]);
    }

    function _setPolicy(uint256 stakeRatio, uint256 rewardRatio) internal {
        address holder = IWorkerpool(workerpool).owner();
        vm.prank(holder);
        IWorkerpool(workerpool).changePolicy(stakeRatio, rewardRatio);
    }

    /// Orders that fit each other, unsigned; prices 0, volumes 1, trust 1, category 0.
    function _orders(address requester) internal returns (OrderSet memory set) {
        set.app.app = app;
        set.workerpool.workerpool = workerpool;
        set.request.app = app;
        set.request.requester = requester;
        set.request.beneficiary = requester;
        (set.app.volume, set.dataset.volume, set.workerpool.volume, set.request.volume) = (1, 1, 1, 1);
        (set.workerpool.trust, set.request.trust) = (1, 1);
        bytes32 salt = bytes32(++salts);
        (set.app.salt, set.dataset.salt, set.workerpool.salt, set.request.salt) = (salt, salt, salt, salt);
    }

    function _sign(OrderSet memory set) internal view {
        set.app.sign = _signature(IERC721(address(apps)), set.app.app, Eip712.app(set.app));
        set.workerpool.sign =
            _signature(IERC721(address(workerpools)), set.workerpool.workerpool, Eip712.workerpool(set.workerpool));
        if (set.dataset.dataset != address(0)) {
            set.dataset.sign =
                _signature(IERC721(address(datasets)), set.dataset.dataset, Eip712.dataset(set.dataset));
        }
        bytes32 digest = Eip712.digest(address(hub), Eip712.request(set.request));
        set.request.sign = Signing.sign(keys[set.request.requester], digest);
    }

    function _signature(IERC721 registry, address asset, bytes32 structHash) private view returns (bytes memory) {
        address holder = registry.ownerOf(uint160(asset));
        return Signing.sign(keys[holder], Eip712.digest(address(hub), structHash));
    }

    /// Sets the score of a worker in the hub's storage, where only finished tasks and the v3 hub write.
    function _setScore(address worker, uint256 score) internal {
        bytes32 slot = keccak256(abi.encode(worker, uint256(HubStorage.LOCATION) + ACCOUNTS_OFFSET));
        uint256 word = hub.balanceOf(worker) | (hub.frozenOf(worker) << 96) | (score << 192);
        vm.store(address(hub), slot, bytes32(word));
        vm.assertEq(hub.viewScore(worker), score, "score in its place");
    }
}
