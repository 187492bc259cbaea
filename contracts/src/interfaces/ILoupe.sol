// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// A module and the selectors that the router sends to it.
struct Facet {
    address facetAddress;
    bytes4[] functionSelectors;
}

/// ERC-2535 views over the fixed modules of the hub. There is no `diamondCut`.
interface ILoupe {
    function facets() external view returns (Facet[] memory);
    function facetFunctionSelectors(address facet) external view returns (bytes4[] memory);
    function facetAddresses() external view returns (address[] memory);

    /// The module behind a selector, or zero.
    function facetAddress(bytes4 selector) external view returns (address);
}
