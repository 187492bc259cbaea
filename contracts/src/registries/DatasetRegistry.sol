// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Dataset} from "../assets/Dataset.sol";
import {IDataset} from "../interfaces/IAsset.sol";
import {IDatasetRegistry} from "../interfaces/IRegistry.sol";
import {Registry} from "./Registry.sol";

/// Registry of datasets.
contract DatasetRegistry is Registry, IDatasetRegistry {
    constructor(address owner_, string memory baseURI_)
        Registry(owner_, address(new Dataset()), "iExec Dataset Registry (V5)", "iExecDatasetsV5", baseURI_)
    {}

    function createDataset(address holder, string calldata datasetName, bytes calldata multiaddr, bytes32 checksum)
        external
        returns (address)
    {
        bytes memory fields = bytes.concat(checksum, _sized(bytes(datasetName)), _sized(multiaddr));
        return _create(holder, abi.encodeCall(IDataset.initialize, (datasetName, multiaddr, checksum)), fields, 0);
    }

    function predictDataset(address holder, string calldata datasetName, bytes calldata multiaddr, bytes32 checksum)
        external
        view
        returns (address)
    {
        return _predict(holder, abi.encodeCall(IDataset.initialize, (datasetName, multiaddr, checksum)));
    }
}
