// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// An asset contract: immutable fields, owned by the holder of its NFT.
interface IAsset {
    function owner() external view returns (address);
    function registry() external view returns (address);

    /// Always reverts: reverse names are not supported.
    function setName(address ens, string calldata name) external;
}

interface IApp is IAsset {
    /// Always reverts `already initialized`: the fields are set while the contract is created.
    function initialize(
        string calldata name,
        string calldata appType,
        bytes calldata multiaddr,
        bytes32 checksum,
        bytes calldata mrenclave
    ) external;
    function m_appName() external view returns (string memory);
    function m_appType() external view returns (string memory);
    function m_appMultiaddr() external view returns (bytes memory);
    function m_appChecksum() external view returns (bytes32);
    function m_appMREnclave() external view returns (bytes memory);
}

interface IDataset is IAsset {
    /// Always reverts `already initialized`.
    function initialize(string calldata name, bytes calldata multiaddr, bytes32 checksum) external;
    function m_datasetName() external view returns (string memory);
    function m_datasetMultiaddr() external view returns (bytes memory);
    function m_datasetChecksum() external view returns (bytes32);
}

interface IWorkerpool is IAsset {
    event PolicyUpdate(
        uint256 oldWorkerStakeRatioPolicy,
        uint256 newWorkerStakeRatioPolicy,
        uint256 oldSchedulerRewardRatioPolicy,
        uint256 newSchedulerRewardRatioPolicy
    );

    /// Above ten times the workerpool price.
    error WorkerStakeRatioTooHigh(uint256 ratio);

    /// Always reverts `already initialized`.
    function initialize(string calldata description) external;
    function m_workerpoolDescription() external view returns (string memory);

    /// Stake of a worker in percent of the workerpool price.
    function m_workerStakeRatioPolicy() external view returns (uint256);

    /// Share of the scheduler in percent of what workers earn.
    function m_schedulerRewardRatioPolicy() external view returns (uint256);

    /// Replaces both for deals to come; owner only, else `caller is not the owner`.
    function changePolicy(uint256 newWorkerStakeRatioPolicy, uint256 newSchedulerRewardRatioPolicy) external;
}
