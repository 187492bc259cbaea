// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IRlc} from "../interfaces/IRlc.sol";

/// Receiver of `approveAndCall`.
interface IApprovalReceiver {
    function receiveApproval(address from, uint256 value, address token, bytes calldata extraData) external;
}

/// The RLC token. All of it exists from the start; nobody can make more or touch what belongs to another.
contract RLC is IRlc {
    string public constant name = "iExec RLC Token";
    string public constant symbol = "RLC";
    uint8 public constant decimals = 9;
    string public constant version = "v1";
    bool public constant locked = false;

    /// 87 million RLC, in nRLC.
    uint256 public constant initialSupply = 87_000_000 * 10 ** 9;

    uint256 public totalSupply;
    address public owner;
    mapping(address account => uint256) public balanceOf;
    mapping(address account => mapping(address spender => uint256)) public allowance;

    constructor() {
        totalSupply = initialSupply;
        balanceOf[msg.sender] = initialSupply;
        owner = msg.sender;
        emit Transfer(address(0), msg.sender, initialSupply);
    }

    function transfer(address to, uint256 value) external returns (bool) {
        _transfer(msg.sender, to, value);
        return true;
    }

    function approve(address spender, uint256 value) external returns (bool) {
        _approve(spender, value);
        return true;
    }

    function transferFrom(address from, address to, uint256 value) external returns (bool) {
        uint256 allowed = allowance[from][msg.sender];
        require(allowed >= value);
        unchecked {
            allowance[from][msg.sender] = allowed - value; // checked on the line above
        }
        _transfer(from, to, value);
        return true;
    }

    function approveAndCall(address spender, uint256 value, bytes calldata extraData) external {
        _approve(spender, value);
        IApprovalReceiver(spender).receiveApproval(msg.sender, value, address(this), extraData);
    }

    function burn(uint256 value) external returns (bool) {
        uint256 balance = balanceOf[msg.sender];
        require(balance >= value);
        unchecked {
            balanceOf[msg.sender] = balance - value; // checked on the line above
            totalSupply -= value; // supply >= balance
        }
        emit Transfer(msg.sender, address(0), value);
        return true;
    }

    function transferOwnership(address newOwner) external {
        if (msg.sender != owner) return;
        emit OwnershipTransferred(owner, newOwner);
        owner = newOwner;
    }

    function _approve(address spender, uint256 value) private {
        allowance[msg.sender][spender] = value;
        emit Approval(msg.sender, spender, value);
    }

    function _transfer(address from, address to, uint256 value) private {
        require(to != address(0));
        uint256 balance = balanceOf[from];
        require(balance >= value);
        unchecked {
            balanceOf[from] = balance - value; // checked on the line above
            balanceOf[to] += value; // the sum of all balances is the supply
        }
        emit Transfer(from, to, value);
    }
}
