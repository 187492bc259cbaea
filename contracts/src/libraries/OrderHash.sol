// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AppOrder, DatasetOrder, RequestOrder, WorkerpoolOrder} from "../types/Orders.sol";

/// EIP-712 struct hashes and digests of orders, straight from calldata. Addresses with dirty upper bits revert
/// without data, as malformed ABI input does.
library OrderHash {
    bytes32 internal constant DOMAIN_TYPEHASH = 0x8b73c3c69bb8fe3d512ecc4cf759cc79239f7b179b0ffacaa9a75d522b39400f;
    bytes32 private constant APP_TYPEHASH = 0x60815a0eeec47dddf1615fe53b31d016c31444e01b9d796db365443a6445d008;
    bytes32 private constant DATASET_TYPEHASH = 0x6cfc932a5a3d22c4359295b9f433edff52b60703fa47690a04a83e40933dd47c;
    bytes32 private constant WORKERPOOL_TYPEHASH =
        0xaa3429fb281b34691803133d3d978a75bb77c617ed6bc9aa162b9b30920022bb;
    bytes32 private constant REQUEST_TYPEHASH = 0xf24e853034a3a450aba845a82914fbb564ad85accca6cf62be112a154520fae0;
    bytes32 internal constant APP_OPERATION_TYPEHASH =
        0x0638bb0702457e2b4b01be8a202579b8bf97e587fb4f2cc4d4aad01f21a06ee0;
    bytes32 internal constant DATASET_OPERATION_TYPEHASH =
        0x075eb6f7578ff4292c241bd2484cd5c1d5e6ecc2ddd3317e1d8176b5a45865ec;
    bytes32 internal constant WORKERPOOL_OPERATION_TYPEHASH =
        0x322d980b7d7a6a1f7c39ff0c5445da6ae1d8e0393ff0dd468c8be3e2c8644388;
    bytes32 internal constant REQUEST_OPERATION_TYPEHASH =
        0x0ded7b52c2d77595a40d242eca751df172b18e686326dbbed3f4748828af77c7;

    string internal constant DOMAIN_NAME = "iExecODB";
    string internal constant DOMAIN_VERSION = "5.0.0";

    /// The domain separator of this contract on the current chain.
    function separator() internal view returns (bytes32) {
        return keccak256(
            abi.encode(
                DOMAIN_TYPEHASH,
                keccak256(bytes(DOMAIN_NAME)),
                keccak256(bytes(DOMAIN_VERSION)),
                block.chainid,
                address(this)
            )
        );
    }

    /// What is signed: `keccak256(0x19 01, separator, structHash)`.
    function digest(bytes32 domainSeparator, bytes32 structHash) internal pure returns (bytes32 result) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, hex"1901")
            mstore(add(free, 0x02), domainSeparator)
            mstore(add(free, 0x22), structHash)
            result := keccak256(free, 0x42)
        }
    }

    /// Struct hash of an operation on an order.
    function operation(bytes32 typeHash, bytes32 orderStructHash, uint256 kind) internal pure returns (bytes32) {
        return keccak256(abi.encode(typeHash, orderStructHash, kind));
    }

    function app(AppOrder calldata order) internal pure returns (bytes32) {
        _decode(order.sign);
        uint256 offset;
        assembly ("memory-safe") {
            offset := order
        }
        return _hashEightFields(APP_TYPEHASH, offset);
    }

    function dataset(DatasetOrder calldata order) internal pure returns (bytes32) {
        _decode(order.sign);
        uint256 offset;
        assembly ("memory-safe") {
            offset := order
        }
        return _hashEightFields(DATASET_TYPEHASH, offset);
    }

    function workerpool(WorkerpoolOrder calldata order) internal pure returns (bytes32 result) {
        _decode(order.sign);
        bytes32 typeHash = WORKERPOOL_TYPEHASH;
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, typeHash)
            calldatacopy(add(free, 0x20), order, 0x140)
            // words 0, 6, 7 and 8 are addresses
            let dirt := or(mload(add(free, 0x20)), mload(add(free, 0xe0)))
            dirt := or(dirt, or(mload(add(free, 0x100)), mload(add(free, 0x120))))
            if shr(160, dirt) { revert(0, 0) }
            result := keccak256(free, 0x160)
        }
    }

    function request(RequestOrder calldata order) internal pure returns (bytes32 result) {
        _decode(order.sign);
        bytes32 typeHash = REQUEST_TYPEHASH;
        bytes calldata params = bytes(order.params);
        assembly ("memory-safe") {
            let free := mload(0x40)
            calldatacopy(free, params.offset, params.length)
            let paramsHash := keccak256(free, params.length)
            mstore(free, typeHash)
            calldatacopy(add(free, 0x20), order, 0x1e0)
            // words 0, 2, 4, 6, 11 and 12 are addresses
            let dirt := or(mload(add(free, 0x20)), mload(add(free, 0x60)))
            dirt := or(dirt, or(mload(add(free, 0xa0)), mload(add(free, 0xe0))))
            dirt := or(dirt, or(mload(add(free, 0x180)), mload(add(free, 0x1a0))))
            if shr(160, dirt) { revert(0, 0) }
            mstore(add(free, 0x1c0), paramsHash)
            result := keccak256(free, 0x200)
        }
    }

    /// App and dataset orders: eight words, of which 0, 4, 5 and 6 are addresses.
    function _hashEightFields(bytes32 typeHash, uint256 offset) private pure returns (bytes32 result) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, typeHash)
            calldatacopy(add(free, 0x20), offset, 0x100)
            let dirt := or(mload(add(free, 0x20)), mload(add(free, 0xa0)))
            dirt := or(dirt, or(mload(add(free, 0xc0)), mload(add(free, 0xe0))))
            if shr(160, dirt) { revert(0, 0) }
            result := keccak256(free, 0x120)
        }
    }

    /// The argument was decoded to get here: a malformed one has reverted.
    function _decode(bytes calldata) private pure {}
}
