// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// Deploys any code under an address that follows from a key alone: all contracts deployed this way have the same
/// init code, which asks its creator for the code, and the creator answers from transient storage.
///
/// The contract using this library must call `serve` when it is called without data.
library CodeFactory {
    /// The creation ran out of gas, or the address is taken.
    error CodeNotDeployed(bytes32 key);

    /// `staticcall(gas, caller, no data)`, then return what it returned.
    bytes15 private constant INIT_CODE = hex"3d3d3d3d335afa503d5f5f3e3d5ff3";
    uint256 private constant INIT_CODE_SIZE = 15;

    /// Most bytes of code in one contract (EIP-170).
    uint256 internal constant CODE_MAX = 24_576;

    /// Transient slots: length of the pending code, then its words.
    uint256 private constant PENDING = uint256(keccak256("metacloud.transient.CodeFactory"));

    /// The init code of every contract deployed by every user of this library.
    function initCode() internal pure returns (bytes memory) {
        return abi.encodePacked(INIT_CODE);
    }

    function initCodeHash() internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(INIT_CODE));
    }

    /// The CREATE2 address of `key`.
    function addressOf(bytes32 key) internal view returns (address target) {
        bytes32 codeHash = initCodeHash();
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, or(shl(248, 0xff), shl(88, address())))
            mstore(add(free, 0x15), key)
            mstore(add(free, 0x35), codeHash)
            target := and(keccak256(free, 0x55), 0xffffffffffffffffffffffffffffffffffffffff)
        }
    }

    /// Deploys the `size` bytes of memory from `start`.
    function deploy(bytes32 key, uint256 start, uint256 size) internal returns (address target) {
        uint256 pending = PENDING;
        bytes32 code = INIT_CODE;
        uint256 deployed;
        assembly ("memory-safe") {
            tstore(pending, size)
            for { let i := 0 } lt(i, size) { i := add(i, 0x20) } {
                pending := add(pending, 1)
                tstore(pending, mload(add(start, i)))
            }
            mstore(0x00, code)
            target := create2(0, 0x00, INIT_CODE_SIZE, key)
            deployed := extcodesize(target)
        }
        pending = PENDING;
        assembly ("memory-safe") {
            tstore(pending, 0)
        }
        if (target == address(0) || deployed != size) revert CodeNotDeployed(key);
    }

    /// Answers the init code of a contract under construction; returns if there is none.
    function serve() internal view {
        uint256 pending = PENDING;
        assembly {
            let size := tload(pending)
            if size {
                // This ends the call, so the memory below is nobody's.
                for { let i := 0 } lt(i, size) { i := add(i, 0x20) } {
                    pending := add(pending, 1)
                    mstore(i, tload(pending))
                }
                return(0x00, size)
            }
        }
    }
}
