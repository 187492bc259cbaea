// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {App} from "../assets/App.sol";
import {IApp} from "../interfaces/IAsset.sol";
import {IAppRegistry} from "../interfaces/IRegistry.sol";
import {Registry} from "./Registry.sol";

/// Registry of applications.
contract AppRegistry is Registry, IAppRegistry {
    constructor(address owner_, string memory baseURI_)
        Registry(owner_, address(new App()), "iExec Application Registry (V5)", "iExecAppsV5", baseURI_)
    {}

    function createApp(
        address holder,
        string calldata appName,
        string calldata appType,
        bytes calldata multiaddr,
        bytes32 checksum,
        bytes calldata mrenclave
    ) external returns (address) {
        bytes memory fields = bytes.concat(
            checksum, _sized(bytes(appName)), _sized(bytes(appType)), _sized(multiaddr), _sized(mrenclave)
        );
        bytes memory call = abi.encodeCall(IApp.initialize, (appName, appType, multiaddr, checksum, mrenclave));
        return _create(holder, call, fields, 0);
    }

    function predictApp(
        address holder,
        string calldata appName,
        string calldata appType,
        bytes calldata multiaddr,
        bytes32 checksum,
        bytes calldata mrenclave
    ) external view returns (address) {
        bytes memory call = abi.encodeCall(IApp.initialize, (appName, appType, multiaddr, checksum, mrenclave));
        return _predict(holder, call);
    }
}
