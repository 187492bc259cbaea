// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IApp} from "../interfaces/IAsset.sol";
import {Asset} from "./Asset.sol";

/// An application. Fields: checksum 32, then name, type, multiaddr and enclave measurement.
contract App is Asset, IApp {
    function initialize(string calldata, string calldata, bytes calldata, bytes32, bytes calldata) external pure {
        revert("already initialized");
    }

    function m_appName() external view returns (string memory) {
        return string(_field(32, 0));
    }

    function m_appType() external view returns (string memory) {
        return string(_field(32, 1));
    }

    function m_appMultiaddr() external view returns (bytes memory) {
        return _field(32, 2);
    }

    function m_appChecksum() external view returns (bytes32) {
        return _checksum();
    }

    function m_appMREnclave() external view returns (bytes memory) {
        return _field(32, 3);
    }
}
