// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {IAsset} from "../interfaces/IAsset.sol";

/// What all assets share. An asset is a minimal proxy (ERC-1167) to one of these implementations; its fields stand in
/// the proxy's own code, behind the forwarding instructions.
abstract contract Asset is IAsset {
    /// Bytes of forwarding instructions in front of the fields.
    uint256 private constant PROXY_SIZE = 45;
    /// Bytes of the length in front of a field.
    uint256 private constant LENGTH_SIZE = 3;

    address internal immutable REGISTRY;
    address private immutable MASTER;

    /// Created by its registry.
    constructor() {
        REGISTRY = msg.sender;
        MASTER = address(this);
    }

    modifier onlyOwner() {
        if (msg.sender != owner()) revert("caller is not the owner");
        _;
    }

    function setName(address, string calldata) external view onlyOwner {
        revert("Operation not supported on this chain");
    }

    function registry() external view returns (address) {
        return REGISTRY;
    }

    function owner() public view returns (address) {
        return IERC721(REGISTRY).ownerOf(uint160(address(this)));
    }

    /// The bytes that the registry put behind the proxy; the implementation itself has none.
    function _fields() internal view returns (bytes memory fields) {
        if (address(this) == MASTER) return fields;
        fields = new bytes(address(this).code.length - PROXY_SIZE);
        assembly ("memory-safe") {
            extcodecopy(address(), add(fields, 0x20), PROXY_SIZE, mload(fields))
        }
    }

    /// Field number `index` among those behind the first `skip` bytes, each with its length in front.
    function _field(uint256 skip, uint256 index) internal view returns (bytes memory field) {
        bytes memory fields = _fields();
        if (fields.length == 0) return field;
        for (uint256 offset = skip;; --index) {
            uint256 length;
            assembly ("memory-safe") {
                length := shr(232, mload(add(add(fields, 0x20), offset)))
            }
            offset += LENGTH_SIZE;
            if (index == 0) {
                field = new bytes(length);
                assembly ("memory-safe") {
                    mcopy(add(field, 0x20), add(add(fields, 0x20), offset), length)
                }
                return field;
            }
            offset += length;
        }
    }

    /// The first 32 bytes of the fields.
    function _checksum() internal view returns (bytes32) {
        return bytes32(_fields());
    }
}
