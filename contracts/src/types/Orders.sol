// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

// The four orders and their operations. Field order is that of the ABI tuple and of the EIP-712 type; the
// trailing `sign` belongs to the tuple only. Prices are nRLC per task, volumes are numbers of tasks.

/// An app provider offers an application.
struct AppOrder {
    address app;
    uint256 appprice;
    uint256 volume;
    bytes32 tag;
    address datasetrestrict;
    address workerpoolrestrict;
    address requesterrestrict;
    bytes32 salt;
    bytes sign;
}

/// A dataset provider offers a dataset; `dataset` zero stands for "no dataset".
struct DatasetOrder {
    address dataset;
    uint256 datasetprice;
    uint256 volume;
    bytes32 tag;
    address apprestrict;
    address workerpoolrestrict;
    address requesterrestrict;
    bytes32 salt;
    bytes sign;
}

/// A workerpool owner offers computing power.
struct WorkerpoolOrder {
    address workerpool;
    uint256 workerpoolprice;
    uint256 volume;
    bytes32 tag;
    uint256 category;
    uint256 trust;
    address apprestrict;
    address datasetrestrict;
    address requesterrestrict;
    bytes32 salt;
    bytes sign;
}

/// A requester asks for `volume` executions.
struct RequestOrder {
    address app;
    uint256 appmaxprice;
    address dataset;
    uint256 datasetmaxprice;
    address workerpool;
    uint256 workerpoolmaxprice;
    address requester;
    uint256 volume;
    bytes32 tag;
    uint256 category;
    uint256 trust;
    address beneficiary;
    address callback;
    string params;
    bytes32 salt;
    bytes sign;
}

/// What `manage*Order` does with an order: publish a signature on chain, or end the order for ever.
enum OrderOperation {
    SIGN,
    CLOSE
}

struct AppOrderOperation {
    AppOrder order;
    OrderOperation operation;
    bytes sign;
}

struct DatasetOrderOperation {
    DatasetOrder order;
    OrderOperation operation;
    bytes sign;
}

struct WorkerpoolOrderOperation {
    WorkerpoolOrder order;
    OrderOperation operation;
    bytes sign;
}

struct RequestOrderOperation {
    RequestOrder order;
    OrderOperation operation;
    bytes sign;
}

/// The four members of the EIP-712 domain.
struct EIP712Domain {
    string name;
    string version;
    uint256 chainId;
    address verifyingContract;
}
