// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IRegistry} from "../interfaces/IRegistry.sol";
import {CodeFactory} from "../libraries/CodeFactory.sol";
import {AssetTokens} from "./AssetTokens.sol";

/// Creation, continuation and ownership of a registry.
abstract contract Registry is AssetTokens {
    address public immutable master;

    address public owner;
    address public previous;
    bool public initialized;

    constructor(address owner_, address master_, string memory name_, string memory symbol_, string memory baseURI_)
        AssetTokens(name_, symbol_, baseURI_)
    {
        master = master_;
        owner = owner_;
        emit OwnershipTransferred(address(0), owner_);
    }

    modifier onlyOwner() {
        if (msg.sender != owner) revert("Ownable: caller is not the owner");
        _;
    }

    /// An asset under construction fetches its code here; everything else reverts without data.
    fallback() external {
        CodeFactory.serve();
        revert();
    }

    function initialize(address previous_) external onlyOwner {
        require(!initialized);
        initialized = true;
        previous = previous_;
    }

    function setBaseURI(string calldata baseUri) external onlyOwner {
        baseURI = baseUri;
    }

    function setName(address, string calldata) external view onlyOwner {
        revert("Operation not supported on this chain");
    }

    function transferOwnership(address newOwner) external onlyOwner {
        if (newOwner == address(0)) revert OwnableInvalidOwner(newOwner);
        _setOwner(newOwner);
    }

    function renounceOwnership() external onlyOwner {
        _setOwner(address(0));
    }

    function _setOwner(address newOwner) private {
        emit OwnershipTransferred(owner, newOwner);
        owner = newOwner;
    }

    /// Creates the asset of `initCalldata` for `holder`: a proxy to `master` (ERC-1167) with `fields` behind it.
    function _create(address holder, bytes memory initCalldata, bytes memory fields, uint256 note)
        internal
        returns (address entry)
    {
        bytes32 salt = _salt(holder, initCalldata);
        if (CodeFactory.addressOf(salt).code.length != 0) revert("Create2: Failed on deploy");
        bytes memory code = abi.encodePacked(
            hex"363d3d373d3d3d363d73", master, hex"5af43d82803e903d91602b57fd5bf3", fields
        );
        if (code.length > CodeFactory.CODE_MAX) revert AssetTooLarge(code.length);
        uint256 start;
        assembly ("memory-safe") {
            start := add(code, 0x20)
        }
        entry = CodeFactory.deploy(salt, start, code.length);
        _mint(holder, uint160(entry), note);
    }

    /// A field with its length in front; 3 bytes suffice because the whole must fit a contract's code.
    function _sized(bytes calldata field) internal pure returns (bytes memory) {
        if (field.length > CodeFactory.CODE_MAX) revert AssetTooLarge(field.length);
        return abi.encodePacked(uint24(field.length), field);
    }

    function _predict(address holder, bytes memory initCalldata) internal view returns (address) {
        return CodeFactory.addressOf(_salt(holder, initCalldata));
    }

    function _salt(address holder, bytes memory initCalldata) private pure returns (bytes32) {
        return keccak256(abi.encodePacked(initCalldata, holder));
    }

    function isRegistered(address entry) external view returns (bool) {
        if (_exists(uint160(entry))) return true;
        return previous != address(0) && IRegistry(previous).isRegistered(entry);
    }

    function proxyCode() external pure returns (bytes memory) {
        return CodeFactory.initCode();
    }

    function proxyCodeHash() external pure returns (bytes32) {
        return CodeFactory.initCodeHash();
    }
}
