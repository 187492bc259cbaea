// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// Datasets whose form is told on chain, for the index that finds them.
interface IDataProtector {
    /// A dataset was registered; `schema` is JSON that names its fields and their types.
    event DatasetSchema(address indexed dataset, string schema);

    /// Registers a dataset for `owner` and tells its schema; anyone may call. What the registry refuses is refused in its
    /// words. The schema is not read here: readers bound and check it.
    function createDatasetWithSchema(
        address owner,
        string calldata name,
        string calldata schema,
        bytes calldata multiaddr,
        bytes32 checksum
    ) external returns (address dataset);

    /// The registry in which datasets are created.
    function datasetRegistry() external view returns (address);
}
