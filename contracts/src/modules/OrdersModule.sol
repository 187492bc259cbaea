// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAsset} from "../interfaces/IAsset.sol";
import {IOrders} from "../interfaces/IOrders.sol";
import {
    AppOrder,
    AppOrderOperation,
    DatasetOrder,
    DatasetOrderOperation,
    OrderOperation,
    RequestOrder,
    RequestOrderOperation,
    WorkerpoolOrder,
    WorkerpoolOrderOperation
} from "../types/Orders.sol";
import {HubStorage} from "../libraries/HubStorage.sol";
import {OrderBook} from "../libraries/OrderBook.sol";
import {OrderHash} from "../libraries/OrderHash.sol";
import {Signatures} from "../libraries/Signatures.sol";

/// Signing, closing and broadcasting orders; signature checks.
contract OrdersModule is IOrders {
    using OrderBook for HubStorage.Layout;

    function manageAppOrder(AppOrderOperation calldata operation) external {
        OrderOperation kind = operation.operation;
        bytes32 structHash = OrderHash.app(operation.order);
        address owner = IAsset(operation.order.app).owner();
        bytes32 opHash = OrderHash.operation(OrderHash.APP_OPERATION_TYPEHASH, structHash, uint256(kind));
        bytes32 hash = _record(owner, structHash, opHash, kind, operation.order.volume, operation.sign);
        if (kind == OrderOperation.SIGN) emit SignedAppOrder(hash);
        else emit ClosedAppOrder(hash);
    }

    function manageDatasetOrder(DatasetOrderOperation calldata operation) external {
        OrderOperation kind = operation.operation;
        bytes32 structHash = OrderHash.dataset(operation.order);
        address owner = IAsset(operation.order.dataset).owner();
        bytes32 opHash = OrderHash.operation(OrderHash.DATASET_OPERATION_TYPEHASH, structHash, uint256(kind));
        bytes32 hash = _record(owner, structHash, opHash, kind, operation.order.volume, operation.sign);
        if (kind == OrderOperation.SIGN) emit SignedDatasetOrder(hash);
        else emit ClosedDatasetOrder(hash);
    }

    function manageWorkerpoolOrder(WorkerpoolOrderOperation calldata operation) external {
        OrderOperation kind = operation.operation;
        bytes32 structHash = OrderHash.workerpool(operation.order);
        address owner = IAsset(operation.order.workerpool).owner();
        bytes32 opHash = OrderHash.operation(OrderHash.WORKERPOOL_OPERATION_TYPEHASH, structHash, uint256(kind));
        bytes32 hash = _record(owner, structHash, opHash, kind, operation.order.volume, operation.sign);
        if (kind == OrderOperation.SIGN) emit SignedWorkerpoolOrder(hash);
        else emit ClosedWorkerpoolOrder(hash);
    }

    function manageRequestOrder(RequestOrderOperation calldata operation) external {
        OrderOperation kind = operation.operation;
        bytes32 structHash = OrderHash.request(operation.order);
        address owner = operation.order.requester;
        bytes32 opHash = OrderHash.operation(OrderHash.REQUEST_OPERATION_TYPEHASH, structHash, uint256(kind));
        bytes32 hash = _record(owner, structHash, opHash, kind, operation.order.volume, operation.sign);
        if (kind == OrderOperation.SIGN) emit SignedRequestOrder(hash);
        else emit ClosedRequestOrder(hash);
    }

    function broadcastAppOrder(AppOrder calldata order) external {
        emit BroadcastAppOrder(order);
    }

    function broadcastDatasetOrder(DatasetOrder calldata order) external {
        emit BroadcastDatasetOrder(order);
    }

    function broadcastWorkerpoolOrder(WorkerpoolOrder calldata order) external {
        emit BroadcastWorkerpoolOrder(order);
    }

    function broadcastRequestOrder(RequestOrder calldata order) external {
        emit BroadcastRequestOrder(order);
    }

    /// Checks that `owner` wants the operation and performs it; returns the hash of the order.
    function _record(
        address owner,
        bytes32 structHash,
        bytes32 operationHash,
        OrderOperation kind,
        uint256 volume,
        bytes calldata sign
    ) private returns (bytes32 hash) {
        HubStorage.Layout storage $ = HubStorage.load();
        bytes32 separator = $.domainSeparator;
        if (msg.sender != owner && !Signatures.isValid(owner, OrderHash.digest(separator, operationHash), sign)) {
            revert("invalid-sender-or-signature");
        }
        hash = OrderHash.digest(separator, structHash);
        if (kind == OrderOperation.SIGN) $.setPresigner(hash, owner);
        else $.setConsumed(hash, $.orders[hash], volume);
    }

    function verifySignature(address account, bytes32 hash, bytes calldata signature) external view returns (bool) {
        return Signatures.isValid(account, hash, signature);
    }

    function verifyPresignature(address account, bytes32 hash) external view returns (bool) {
        return account != address(0) && OrderBook.presigner(HubStorage.load().orders[hash]) == account;
    }

    function verifyPresignatureOrSignature(address account, bytes32 hash, bytes calldata signature)
        external
        view
        returns (bool)
    {
        return OrderBook.isSigned(HubStorage.load().orders[hash], account, hash, signature);
    }

    function viewConsumed(bytes32 orderHash) external view returns (uint256) {
        HubStorage.Layout storage $ = HubStorage.load();
        return $.consumed(orderHash, $.orders[orderHash]);
    }

    function viewPresigned(bytes32 orderHash) external view returns (address) {
        return OrderBook.presigner(HubStorage.load().orders[orderHash]);
    }
}
