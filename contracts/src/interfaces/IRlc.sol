// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC5267} from "@openzeppelin/contracts/interfaces/IERC5267.sol";
import {IERC5805} from "@openzeppelin/contracts/interfaces/IERC5805.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";

/// The RLC token: ERC-20 with 9 decimals, permit (ERC-2612) and votes (ERC-5805). Short balances and allowances revert
/// without data. Votes are counted once delegated, by the second: the clock of ERC-6372 is the block's timestamp.
interface IRlc is IERC20Metadata, IERC20Permit, IERC5267, IERC5805 {
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
