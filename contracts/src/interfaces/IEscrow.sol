// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Account} from "../types/Records.sol";
import {ILedger} from "./ILedger.sol";

/// Deposits and withdrawals of the base token, and the match guard of a requester.
interface IEscrow is ILedger {
    event MatchGuardUpdated(address indexed requester, bool enabled);

    /// `matchOrders` in a deposit-and-match failed without data.
    error OperationFailed();
    /// A deposit carried a call other than `matchOrders`.
    error UnsupportedOperation(bytes4 selector);
    /// The request order of a deposit-and-match belongs to someone else.
    error CallerIsNotTheRequester();
    /// `receiveApproval` was called by something other than the base token.
    error CallerIsNotTheToken();
    /// The hub's own address may not be credited: the value would be lost.
    error HubCannotReceive();
    /// The base token answered false to a withdrawal.
    error TransferFailed();
    /// A deposit or withdrawal came before in this transaction, and may still be under way.
    error TokensInMotion();

    /// Pulls `amount` nRLC of the caller into its escrow account.
    function deposit(uint256 amount) external returns (bool);

    /// Pulls `amount` nRLC of the caller into the escrow account of `target`.
    function depositFor(uint256 amount, address target) external returns (bool);

    /// `depositFor` for each pair; the arrays have equal lengths or it reverts `invalid-array-length`.
    function depositForArray(uint256[] calldata amounts, address[] calldata targets) external returns (bool);

    /// Sends `amount` nRLC of the caller's free balance back to it.
    function withdraw(uint256 amount) external returns (bool);

    /// Sends `amount` nRLC of the caller's free balance to `target`.
    function withdrawTo(uint256 amount, address target) external returns (bool);

    /// Credits base tokens that reached the hub outside deposits to the hub owner (only he may call), not in a
    /// transaction with a deposit or withdrawal before it.
    function recover() external returns (uint256 delta);

    /// Called by the base token after an approval: deposits `amount` of `sender`, then, if `data` is a
    /// `matchOrders` call whose requester is `sender`, performs it.
    function receiveApproval(address sender, uint256 amount, address token, bytes calldata data)
        external
        returns (bool);

    /// While set, only the caller itself can have its request orders matched at its own expense.
    function setMatchGuard(bool enabled) external;

    /// Whether `requester` has its guard set.
    function matchGuard(address requester) external view returns (bool);

    /// The base token.
    function token() external view returns (address);

    /// Locked part of an account.
    function frozenOf(address account) external view returns (uint256);

    /// Free and locked parts of an account.
    function viewAccount(address account) external view returns (Account memory);
}
