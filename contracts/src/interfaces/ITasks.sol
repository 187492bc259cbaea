// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ILedger} from "./ILedger.sol";

/// The life of a task: contribution, consensus, revelation, settlement. Failures revert without data unless
/// they come from the ledger or from a signature of a wrong length.
interface ITasks is ILedger {
    event TaskInitialize(bytes32 indexed taskid, address indexed workerpool);
    event TaskContribute(bytes32 indexed taskid, address indexed worker, bytes32 hash);
    event TaskConsensus(bytes32 indexed taskid, bytes32 consensus);
    event TaskReveal(bytes32 indexed taskid, address indexed worker, bytes32 digest);
    event TaskReopen(bytes32 indexed taskid);
    event TaskFinalize(bytes32 indexed taskid, bytes results);
    event TaskClaimed(bytes32 indexed taskid);
    event AccurateContribution(address indexed worker, bytes32 indexed taskid);
    event FaultyContribution(address indexed worker, bytes32 indexed taskid);

    /// The task has its 256 contributors.
    error TooManyContributors();

    /// Opens task `index` of a deal; anyone may call.
    function initialize(bytes32 dealId, uint256 index) external returns (bytes32 taskId);

    /// `initialize` for each pair.
    function initializeArray(bytes32[] calldata dealIds, uint256[] calldata indexes) external returns (bool);

    /// Commits the caller, authorized by the scheduler, to a result and locks its stake.
    /// `resultHash = keccak256(taskId, digest)`, `resultSeal = keccak256(worker, taskId, digest)`.
    function contribute(
        bytes32 taskId,
        bytes32 resultHash,
        bytes32 resultSeal,
        address enclaveChallenge,
        bytes calldata enclaveSign,
        bytes calldata authorizationSign
    ) external;

    /// Proves that the caller knew the result on which consensus was reached.
    function reveal(bytes32 taskId, bytes32 resultDigest) external;

    /// Rejects a consensus that nobody revealed in time; workerpool owner only.
    function reopen(bytes32 taskId) external;

    /// Settles a revealed task: pays, rewards, seizes, calls back; workerpool owner only.
    function finalize(bytes32 taskId, bytes calldata results, bytes calldata resultsCallback) external;

    /// Commits, reveals and settles in one step; for deals with trust 1 and tasks without contributor.
    function contributeAndFinalize(
        bytes32 taskId,
        bytes32 resultDigest,
        bytes calldata results,
        bytes calldata resultsCallback,
        address enclaveChallenge,
        bytes calldata enclaveSign,
        bytes calldata authorizationSign
    ) external;

    /// Ends a task whose final deadline has passed: the sponsor is refunded, the scheduler's stake is seized;
    /// anyone may call.
    function claim(bytes32 taskId) external;

    /// `claim` for each task.
    function claimArray(bytes32[] calldata taskIds) external returns (bool);

    /// `initialize`, then `claim`, for each pair.
    function initializeAndClaimArray(bytes32[] calldata dealIds, uint256[] calldata indexes) external returns (bool);
}
