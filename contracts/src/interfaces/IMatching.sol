// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AppOrder, DatasetOrder, RequestOrder, WorkerpoolOrder} from "../types/Orders.sol";
import {ILedger} from "./ILedger.sol";

/// Four compatible orders become a deal.
interface IMatching is ILedger {
    event SchedulerNotice(address indexed workerpool, bytes32 dealid);
    event OrdersMatched(
        bytes32 dealid,
        bytes32 appHash,
        bytes32 datasetHash,
        bytes32 workerpoolHash,
        bytes32 requestHash,
        uint256 volume
    );
    event DealSponsored(bytes32 dealId, address sponsor);

    /// The dataset order cannot serve this deal.
    error IncompatibleDatasetOrder(string reason);
    /// The requester has its match guard set and is not the caller.
    error MatchGuarded(address requester);

    /// Makes a deal paid by the requester; anyone may call. A failed requirement reverts
    /// `iExecV5-matchOrders-0xNN`.
    function matchOrders(
        AppOrder calldata appOrder,
        DatasetOrder calldata datasetOrder,
        WorkerpoolOrder calldata workerpoolOrder,
        RequestOrder calldata requestOrder
    ) external returns (bytes32 dealId);

    /// The same, paid by the caller.
    function sponsorMatchOrders(
        AppOrder calldata appOrder,
        DatasetOrder calldata datasetOrder,
        WorkerpoolOrder calldata workerpoolOrder,
        RequestOrder calldata requestOrder
    ) external returns (bytes32 dealId);

    /// The number of tasks that a match of these orders would cover; nothing else is checked.
    function computeDealVolume(
        AppOrder calldata appOrder,
        DatasetOrder calldata datasetOrder,
        WorkerpoolOrder calldata workerpoolOrder,
        RequestOrder calldata requestOrder
    ) external view returns (uint256);

    /// Reverts `IncompatibleDatasetOrder` unless the order may be used by a bulk slice of the deal.
    function assertDatasetDealCompatibility(DatasetOrder calldata datasetOrder, bytes32 dealId) external view;
}
