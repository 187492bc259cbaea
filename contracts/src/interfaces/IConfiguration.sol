// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {EIP712Domain} from "../types/Orders.sol";
import {Category} from "../types/Records.sol";

/// Set-up, categories and ownership. The owner can do what this interface says and nothing else.
interface IConfiguration {
    event CreateCategory(uint256 catid, string name, string description, uint256 workClockTimeRef);
    event OwnershipTransferred(address indexed previousOwner, address indexed newOwner);

    /// `transferOwnership` was called by someone else.
    error NotContractOwner(address _user, address _contractOwner);
    /// Above the bound that keeps tasks finalizable.
    error CallbackGasTooHigh(uint256 gasLimit);

    /// Links token and registries, once; hub owner only, else `Ownable: caller is not the owner`.
    function configure(
        address token,
        string calldata name,
        string calldata symbol,
        uint8 decimals,
        address appRegistry,
        address datasetRegistry,
        address workerpoolRegistry,
        address v3Hub
    ) external;

    /// The EIP-712 domain for the current chain.
    function domain() external view returns (EIP712Domain memory);

    /// The stored separator, which orders are hashed with.
    function eip712domain_separator() external view returns (bytes32);

    /// Recomputes the separator for the current chain id; anyone may call.
    function updateDomainSeparator() external;

    /// Takes over the score of a worker from the hub of version 3, once per worker; anyone may call.
    function importScore(address worker) external;

    /// Replaces the account that authorizes enclave work; zero means none. Hub owner only.
    function setTeeBroker(address broker) external;

    /// Gas for result callbacks; hub owner only.
    function setCallbackGas(uint256 gasLimit) external;

    /// Hub owner only. Existing deals are not affected.
    function changeRegistries(address appRegistry, address datasetRegistry, address workerpoolRegistry) external;

    /// Appends a category; it can never be changed. Hub owner only.
    function createCategory(string calldata name, string calldata description, uint256 workClockTimeRef)
        external
        returns (uint256 categoryId);

    function viewCategory(uint256 categoryId) external view returns (Category memory);
    function countCategory() external view returns (uint256);
    function appregistry() external view returns (address);
    function datasetregistry() external view returns (address);
    function workerpoolregistry() external view returns (address);
    function teebroker() external view returns (address);
    function callbackgas() external view returns (uint256);

    /// ERC-173. The zero address ends ownership.
    function owner() external view returns (address);
    function transferOwnership(address newOwner) external;

    /// ERC-165.
    function supportsInterface(bytes4 interfaceId) external view returns (bool);
}
