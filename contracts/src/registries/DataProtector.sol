// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IDataProtector} from "../interfaces/IDataProtector.sol";
import {IDatasetRegistry} from "../interfaces/IRegistry.sol";

/// Creates datasets with a schema. Keeps nothing and owns nothing: the dataset is its owner's from the first block.
contract DataProtector is IDataProtector {
    address public immutable datasetRegistry;

    constructor(address datasetRegistry_) {
        datasetRegistry = datasetRegistry_;
    }

    function createDatasetWithSchema(
        address owner,
        string calldata name,
        string calldata schema,
        bytes calldata multiaddr,
        bytes32 checksum
    ) external returns (address dataset) {
        dataset = IDatasetRegistry(datasetRegistry).createDataset(owner, name, multiaddr, checksum);
        emit DatasetSchema(dataset, schema);
    }
}
