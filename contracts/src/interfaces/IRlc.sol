// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";

/// The RLC token: an ERC-20 with 9 decimals. Short balances and allowances revert without data.
interface IRlc is IERC20Metadata {
    event OwnershipTransferred(address indexed previousOwner, address indexed newOwner);

    /// `approve`, then `spender.receiveApproval(caller, value, token, extraData)`, whose answer is ignored.
    function approveAndCall(address spender, uint256 value, bytes calldata extraData) external;

    /// Destroys `value` nRLC of the caller.
    function burn(uint256 value) external returns (bool);

    /// nRLC created with the contract.
    function initialSupply() external view returns (uint256);
    function version() external view returns (string memory);

    /// Always false: transfers cannot be locked.
    function locked() external view returns (bool);

    /// An honorary owner: it has no power over the token.
    function owner() external view returns (address);

    /// Does nothing when called by someone else.
    function transferOwnership(address newOwner) external;
}
