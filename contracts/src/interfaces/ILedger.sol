// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// The moves of escrowed value. All amounts in nRLC; `ref` is the identifier of a task.
interface ILedger {
    event Transfer(address indexed from, address indexed to, uint256 value);
    event Lock(address owner, uint256 amount);
    event Unlock(address owner, uint256 amount);
    event Reward(address owner, uint256 amount, bytes32 ref);
    event Seize(address owner, uint256 amount, bytes32 ref);
}
