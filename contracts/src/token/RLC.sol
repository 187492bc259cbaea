// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Votes} from "@openzeppelin/contracts/governance/utils/Votes.sol";
import {IERC6372} from "@openzeppelin/contracts/interfaces/IERC6372.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {IRlc} from "../interfaces/IRlc.sol";

/// Receiver of `approveAndCall`.
interface IApprovalReceiver {
    function receiveApproval(address from, uint256 value, address token, bytes calldata extraData) external;
}

/// The RLC token. All of it exists from the start; nobody can make more or touch what belongs to another.
///
/// OpenZeppelin's token with the balances kept here: balance and delegatee of an account share a slot, so that a
/// transfer between accounts that delegate to nobody reads nothing more than a transfer without votes.
contract RLC is IRlc, ERC20Permit, Votes {
    struct Holder {
        // The supply is below 2^96, and so is each balance.
        uint96 balance;
        address delegatee;
    }

    string public constant version = "v1";
    bool public constant locked = false;

    /// 87 million RLC, in nRLC.
    uint256 public constant initialSupply = 87_000_000 * 10 ** 9;

    address public owner;
    uint256 private _supply;
    mapping(address account => Holder) private _holders;

    constructor() ERC20("iExec RLC Token", "RLC") ERC20Permit("iExec RLC Token") {
        owner = msg.sender;
        _mint(msg.sender, initialSupply);
    }

    function approveAndCall(address spender, uint256 value, bytes calldata extraData) external {
        approve(spender, value);
        IApprovalReceiver(spender).receiveApproval(msg.sender, value, address(this), extraData);
    }

    function burn(uint256 value) external returns (bool) {
        _burn(msg.sender, value);
        return true;
    }

    function transferOwnership(address newOwner) external {
        if (msg.sender != owner) return;
        emit OwnershipTransferred(owner, newOwner);
        owner = newOwner;
    }

    function decimals() public pure override(ERC20, IERC20Metadata) returns (uint8) {
        return 9;
    }

    function totalSupply() public view override(ERC20, IERC20) returns (uint256) {
        return _supply;
    }

    function balanceOf(address account) public view override(ERC20, IERC20) returns (uint256) {
        return _holders[account].balance;
    }

    function delegates(address account) public view override(Votes, IVotes) returns (address) {
        return _holders[account].delegatee;
    }

    function nonces(address account) public view override(ERC20Permit, IERC20Permit, Nonces) returns (uint256) {
        return super.nonces(account);
    }

    function clock() public view override(Votes, IERC6372) returns (uint48) {
        return uint48(block.timestamp); // enough for eight million years
    }

    function CLOCK_MODE() public pure override(Votes, IERC6372) returns (string memory) {
        return "mode=timestamp";
    }

    /// Every change of a balance; the zero address stands for the supply.
    function _update(address from, address to, uint256 value) internal override {
        address losing;
        address gaining;
        if (from == address(0)) {
            _supply += value;
        } else {
            Holder storage payer = _holders[from];
            uint96 balance = payer.balance;
            losing = payer.delegatee;
            require(balance >= value);
            unchecked {
                payer.balance = balance - uint96(value); // checked on the line above
            }
        }
        if (to == address(0)) {
            unchecked {
                _supply -= value; // the supply is the sum of all balances
            }
        } else {
            Holder storage payee = _holders[to];
            gaining = payee.delegatee;
            unchecked {
                payee.balance += uint96(value); // the supply is the sum of all balances
            }
        }
        emit Transfer(from, to, value);
        if (from == address(0) || to == address(0)) _transferVotingUnits(from, to, value);
        else if (losing != gaining) _moveDelegateVotes(losing, gaining, value);
    }

    function _spendAllowance(address account, address spender, uint256 value) internal override {
        uint256 allowed = allowance(account, spender);
        if (allowed == type(uint256).max) return;
        require(allowed >= value);
        unchecked {
            _approve(account, spender, allowed - value, false); // checked on the line above
        }
    }

    function _delegate(address account, address delegatee) internal override {
        address before = delegates(account);
        _holders[account].delegatee = delegatee;
        emit DelegateChanged(account, before, delegatee);
        _moveDelegateVotes(before, delegatee, _getVotingUnits(account));
    }

    function _getVotingUnits(address account) internal view override returns (uint256) {
        return balanceOf(account);
    }
}
