// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Facet, ILoupe} from "../interfaces/ILoupe.sol";
import {Modules, Routes} from "../Routes.sol";

/// ERC-2535 views over the fixed modules.
contract LoupeModule is ILoupe {
    uint256 private constant COUNT = 9;

    address private immutable ESCROW;
    address private immutable ORDERS;
    address private immutable MATCHING;
    address private immutable TASKS;
    address private immutable BOOST;
    address private immutable ACCESSORS;
    address private immutable LEGACY;
    address private immutable CONFIGURATION;
    address private immutable LOUPE;

    /// `modules.loupe` is ignored: it is this contract.
    constructor(Modules memory modules) {
        ESCROW = modules.escrow;
        ORDERS = modules.orders;
        MATCHING = modules.matching;
        TASKS = modules.tasks;
        BOOST = modules.boost;
        ACCESSORS = modules.accessors;
        LEGACY = modules.legacy;
        CONFIGURATION = modules.configuration;
        LOUPE = address(this);
    }

    function facets() external view returns (Facet[] memory list) {
        list = new Facet[](COUNT);
        for (uint256 i = 0; i < COUNT; ++i) {
            list[i] = _facet(i);
        }
    }

    function facetFunctionSelectors(address facet) external view returns (bytes4[] memory selectors) {
        for (uint256 i = 0; i < COUNT; ++i) {
            Facet memory candidate = _facet(i);
            if (candidate.facetAddress == facet) return candidate.functionSelectors;
        }
    }

    function facetAddresses() external view returns (address[] memory list) {
        list = new address[](COUNT);
        for (uint256 i = 0; i < COUNT; ++i) {
            list[i] = _facet(i).facetAddress;
        }
    }

    function facetAddress(bytes4 selector) external view returns (address) {
        for (uint256 i = 0; i < COUNT; ++i) {
            Facet memory candidate = _facet(i);
            for (uint256 j = 0; j < candidate.functionSelectors.length; ++j) {
                if (candidate.functionSelectors[j] == selector) return candidate.facetAddress;
            }
        }
        return address(0);
    }

    function _facet(uint256 index) private view returns (Facet memory) {
        if (index == 0) return Facet(ESCROW, _unpack(Routes.escrow()));
        if (index == 1) return Facet(ORDERS, _unpack(Routes.orders()));
        if (index == 2) return Facet(MATCHING, _unpack(Routes.matching()));
        if (index == 3) return Facet(TASKS, _unpack(Routes.tasks()));
        if (index == 4) return Facet(BOOST, _unpack(Routes.boost()));
        if (index == 5) return Facet(ACCESSORS, _unpack(Routes.accessors()));
        if (index == 6) return Facet(LEGACY, _unpack(Routes.legacy()));
        if (index == 7) return Facet(CONFIGURATION, _unpack(Routes.configuration()));
        return Facet(LOUPE, _unpack(Routes.loupe()));
    }

    function _unpack(bytes memory packed) private pure returns (bytes4[] memory selectors) {
        selectors = new bytes4[](packed.length / 4);
        for (uint256 i = 0; i < selectors.length; ++i) {
            bytes32 word;
            assembly ("memory-safe") {
                word := mload(add(add(packed, 0x20), shl(2, i)))
            }
            selectors[i] = bytes4(word); // its first four bytes
        }
    }
}
