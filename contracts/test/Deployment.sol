// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IHub} from "../src/interfaces/IHub.sol";
import {IAppRegistry, IDatasetRegistry, IRegistry, IWorkerpoolRegistry} from "../src/interfaces/IRegistry.sol";
import {Modules} from "../src/Routes.sol";
import {vm} from "./Vm.sol";

/// The committed artifacts, deployed in the order of the deployment plan by an account whose first transactions these
/// are: the addresses are those that the plan names for it.
abstract contract Deployment {
    address internal constant DEPLOYER = address(0xD3F107E2);
    address internal constant OWNER = address(0x0514E2);
    /// Nonce of the transaction of the plan that creates the hub.
    uint256 private constant HUB_NONCE = 10;

    IHub internal hub;
    IERC20 internal rlc;
    IAppRegistry internal apps;
    IDatasetRegistry internal datasets;
    IWorkerpoolRegistry internal workerpools;

    function _deploy() internal {
        vm.startPrank(DEPLOYER);
        rlc = IERC20(_create("RLC", ""));
        Modules memory modules;
        modules.escrow = _create("EscrowModule", "");
        modules.orders = _create("OrdersModule", "");
        modules.matching = _create("MatchingModule", "");
        modules.tasks = _create("TasksModule", "");
        modules.boost = _create("BoostModule", "");
        modules.accessors = _create("AccessorsModule", "");
        modules.legacy = _create("LegacyModule", "");
        modules.configuration = _create("ConfigurationModule", "");
        modules.loupe = _create("LoupeModule", abi.encode(modules));
        hub = IHub(_create("Hub", abi.encode(DEPLOYER, modules)));
        apps = IAppRegistry(_create("AppRegistry", abi.encode(DEPLOYER, "")));
        datasets = IDatasetRegistry(_create("DatasetRegistry", abi.encode(DEPLOYER, "")));
        workerpools = IWorkerpoolRegistry(_create("WorkerpoolRegistry", abi.encode(DEPLOYER, "")));
        _create("DataProtector", abi.encode(datasets));
        _configure();
        vm.stopPrank();
        vm.assertEq(address(hub), vm.computeCreateAddress(DEPLOYER, HUB_NONCE), "the hub of the plan");
    }

    function _configure() private {
        IRegistry[3] memory registries =
            [IRegistry(address(apps)), IRegistry(address(datasets)), IRegistry(address(workerpools))];
        for (uint256 i = 0; i < 3; ++i) {
            registries[i].initialize(address(0));
        }
        hub.configure(
            address(rlc), "Staked RLC", "SRLC", 9, address(apps), address(datasets), address(workerpools), address(0)
        );
        hub.createCategory("XS", '""', 300);
        hub.createCategory("S", '""', 1200);
        hub.createCategory("M", '""', 3600);
        hub.createCategory("L", '""', 10_800);
        hub.createCategory("XL", '""', 36_000);
        hub.transferOwnership(OWNER);
        for (uint256 i = 0; i < 3; ++i) {
            registries[i].transferOwnership(OWNER);
        }
    }

    function _create(string memory name, bytes memory arguments) private returns (address created) {
        bytes memory code =
            bytes.concat(vm.getCode(string.concat("artifacts/", name, ".json")), arguments);
        assembly ("memory-safe") {
            created := create(0, add(code, 0x20), mload(code))
        }
        vm.assertTrue(created != address(0), name);
    }
}
