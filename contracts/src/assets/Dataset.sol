// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IDataset} from "../interfaces/IAsset.sol";
import {Asset} from "./Asset.sol";

/// A dataset. Fields: checksum 32, then name and multiaddr.
contract Dataset is Asset, IDataset {
    function initialize(string calldata, bytes calldata, bytes32) external pure {
        revert("already initialized");
    }

    function m_datasetName() external view returns (string memory) {
        return string(_field(32, 0));
    }

    function m_datasetMultiaddr() external view returns (bytes memory) {
        return _field(32, 1);
    }

    function m_datasetChecksum() external view returns (bytes32) {
        return _checksum();
    }
}
