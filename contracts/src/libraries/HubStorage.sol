// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Category} from "../types/Records.sol";

/// One contribution of a worker to a task. Bits of `word`: see TaskWords.sol.
struct ContributionRecord {
    uint256 word;
    /// The seal while it cannot be recomputed; cleared by the revelation, which makes the digest public.
    bytes32 seal;
    /// The result hash, only when it is not that of the task's first contribution.
    bytes32 ownHash;
    /// The enclave challenge, only when there is one.
    address challenge;
}

/// One task. Bits of `head` and `tail`: see TaskWords.sol.
struct TaskRecord {
    uint256 head;
    uint256 tail;
    /// Result hash of the first contribution; once that group reveals, its digest.
    bytes32 first;
    /// Sum of the values of all groups but the first.
    uint256 others;
    /// Consensus on another hash than the first one; once it reveals, its digest.
    bytes32 consensus;
    /// Values that are too wide for their bits in `head` and `tail`.
    uint256 wideIndex;
    uint256 wideRevealDeadline;
    uint256 wideFirstValue;
    /// Group value by result hash, the first one excepted.
    mapping(bytes32 hash => uint256) groups;
    mapping(address worker => ContributionRecord) contributions;
}

/// The whole state of the hub, in one ERC-7201 namespace. Deals and results lie in code records, not here.
library HubStorage {
    /// keccak256(abi.encode(uint256(keccak256("metacloud.storage.Hub")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 internal constant LOCATION = 0x9b12e39e42e887d7c19b7b9f55d00ea0a2e2267ed90219db97b6d1f19ce4bd00;

    /// @custom:storage-location erc7201:metacloud.storage.Hub
    struct Layout {
        address baseToken;
        uint96 totalSupply;
        address owner;
        bytes32 domainSeparator;
        address appRegistry;
        address datasetRegistry;
        address workerpoolRegistry;
        address teeBroker;
        uint32 callbackGas;
        uint8 decimals;
        address v3Hub;
        string name;
        string symbol;
        /// Balance, frozen value, score and match guard in one word: see Ledger.sol.
        mapping(address account => uint256) accounts;
        mapping(address owner => mapping(address spender => uint256)) allowances;
        /// Pre-signer and consumed volume of an order in one word: see OrderBook.sol.
        mapping(bytes32 orderHash => uint256) orders;
        mapping(bytes32 orderHash => uint256) wideConsumed;
        Category[] categories;
        /// T of a category with the top bit set, so that one read tells existence and duration.
        mapping(uint256 categoryId => uint256) durations;
        mapping(bytes32 taskId => TaskRecord) tasks;
        mapping(address worker => bool) scoreImported;
    }

    function load() internal pure returns (Layout storage $) {
        assembly ("memory-safe") {
            $.slot := LOCATION
        }
    }
}
