// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {
    AppOrder,
    AppOrderOperation,
    DatasetOrder,
    DatasetOrderOperation,
    RequestOrder,
    RequestOrderOperation,
    WorkerpoolOrder,
    WorkerpoolOrderOperation
} from "../types/Orders.sol";

/// Signing and closing orders on chain, announcing them, and checking signatures.
interface IOrders {
    event SignedAppOrder(bytes32 appHash);
    event SignedDatasetOrder(bytes32 datasetHash);
    event SignedWorkerpoolOrder(bytes32 workerpoolHash);
    event SignedRequestOrder(bytes32 requestHash);
    event ClosedAppOrder(bytes32 appHash);
    event ClosedDatasetOrder(bytes32 datasetHash);
    event ClosedWorkerpoolOrder(bytes32 workerpoolHash);
    event ClosedRequestOrder(bytes32 requestHash);
    event BroadcastAppOrder(AppOrder apporder);
    event BroadcastDatasetOrder(DatasetOrder datasetorder);
    event BroadcastWorkerpoolOrder(WorkerpoolOrder workerpoolorder);
    event BroadcastRequestOrder(RequestOrder requestorder);

    /// Signs or closes an app order. The caller is the owner of the app, or `operation.sign` is his; else
    /// `invalid-sender-or-signature`. The next three do the same for the other orders.
    function manageAppOrder(AppOrderOperation calldata operation) external;
    function manageDatasetOrder(DatasetOrderOperation calldata operation) external;
    function manageWorkerpoolOrder(WorkerpoolOrderOperation calldata operation) external;
    function manageRequestOrder(RequestOrderOperation calldata operation) external;

    /// Emits the order, unchecked and unstored. The next three do the same for the other orders.
    function broadcastAppOrder(AppOrder calldata order) external;
    function broadcastDatasetOrder(DatasetOrder calldata order) external;
    function broadcastWorkerpoolOrder(WorkerpoolOrder calldata order) external;
    function broadcastRequestOrder(RequestOrder calldata order) external;

    /// Whether `signature` over `hash` is by `account`: ERC-1271 for contracts, ECDSA (65 bytes, or 64 per
    /// EIP-2098) otherwise; another length reverts `invalid-signature-format`.
    function verifySignature(address account, bytes32 hash, bytes calldata signature) external view returns (bool);

    /// Whether `account` signed the order `hash` on chain.
    function verifyPresignature(address account, bytes32 hash) external view returns (bool);

    /// Either of the two; the signature is looked at only if there is no pre-signature.
    function verifyPresignatureOrSignature(address account, bytes32 hash, bytes calldata signature)
        external
        view
        returns (bool);

    /// Tasks that the order has already served; a closed order has served its whole volume.
    function viewConsumed(bytes32 orderHash) external view returns (uint256);

    /// The account that signed the order on chain, or zero.
    function viewPresigned(bytes32 orderHash) external view returns (address);
}
