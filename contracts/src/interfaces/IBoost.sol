// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AppOrder, DatasetOrder, RequestOrder, WorkerpoolOrder} from "../types/Orders.sol";
import {DealBoost} from "../types/Records.sol";
import {ILedger} from "./ILedger.sol";

/// The two-transaction path without replication. Failures revert `PocoBoost: ...`.
interface IBoost is ILedger {
    event SchedulerNoticeBoost(
        address indexed workerpool,
        bytes32 dealId,
        address app,
        address dataset,
        uint256 category,
        bytes32 tag,
        string params,
        address beneficiary
    );
    event DealSponsoredBoost(bytes32 dealId, address sponsor);
    event ResultPushedBoost(bytes32 dealId, uint256 index, bytes results);

    /// A value of the deal does not fit its packed field.
    error SafeCastOverflowedUintDowncast(uint8 bits, uint256 value);

    /// Makes a Boost deal paid by the requester; anyone may call.
    function matchOrdersBoost(
        AppOrder calldata appOrder,
        DatasetOrder calldata datasetOrder,
        WorkerpoolOrder calldata workerpoolOrder,
        RequestOrder calldata requestOrder
    ) external returns (bytes32 dealId);

    /// The same, paid by the caller.
    function sponsorMatchOrdersBoost(
        AppOrder calldata appOrder,
        DatasetOrder calldata datasetOrder,
        WorkerpoolOrder calldata workerpoolOrder,
        RequestOrder calldata requestOrder
    ) external returns (bytes32 dealId);

    /// Delivers the result of task `index` (from 0 in every deal) and settles it.
    function pushResultBoost(
        bytes32 dealId,
        uint256 index,
        bytes calldata results,
        bytes calldata resultsCallback,
        bytes calldata authorizationSign,
        address enclaveChallenge,
        bytes calldata enclaveSign
    ) external;

    /// Refunds the sponsor of a task whose deadline has passed; anyone may call.
    function claimBoost(bytes32 dealId, uint256 index) external;

    function viewDealBoost(bytes32 dealId) external view returns (DealBoost memory);
}
