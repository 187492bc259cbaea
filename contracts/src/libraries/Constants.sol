// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

// Constants of the protocol.

// Deadlines in multiples of the category's T.
uint256 constant CONTRIBUTION_DEADLINE_RATIO = 7;
uint256 constant REVEAL_DEADLINE_RATIO = 2;
uint256 constant FINAL_DEADLINE_RATIO = 10;

// Stake of the scheduler per task, in percent of the workerpool price.
uint256 constant WORKERPOOL_STAKE_RATIO = 30;

// Part of the kitty that a successful task releases, in percent, and its minimum in nRLC.
uint256 constant KITTY_RATIO = 10;
uint256 constant KITTY_MIN = 1_000_000_000;

// Account without a key that holds the stakes of failed schedulers.
address constant KITTY = 0x99c2268479b93fDe36232351229815DF80837e23;

// ERC-734 purpose of a group member.
uint256 constant GROUPMEMBER_PURPOSE = 4;

// Contributors that one task accepts; settlement loops over them.
uint256 constant CONTRIBUTORS_MAX = 256;

// Gas for result callbacks: default, and the most that the owner may set.
uint256 constant CALLBACK_GAS_DEFAULT = 200_000;
uint256 constant CALLBACK_GAS_MAX = 2_000_000;

// Bit 0 of a tag: an enclave is required.
bytes32 constant TAG_TEE = bytes32(uint256(1));
// Bits 1 to 3 of a tag name a framework; a dataset's are ignored.
bytes32 constant TAG_FRAMEWORKS = bytes32(uint256(0x0e));

// Transient slot that names the requester while a deposit-and-match runs on its behalf.
bytes32 constant ACTING_REQUESTER = keccak256("metacloud.transient.ActingRequester");
// Transient slot that tells for the rest of a transaction that the hub made the base token move tokens. It is not
// cleared: a move inside of another one would clear it for both.
bytes32 constant TOKENS_MOVED = keccak256("metacloud.transient.TokensMoved");
