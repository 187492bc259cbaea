// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {IERC721Enumerable} from "@openzeppelin/contracts/token/ERC721/extensions/IERC721Enumerable.sol";
import {IERC721Metadata} from "@openzeppelin/contracts/token/ERC721/extensions/IERC721Metadata.sol";
import {IERC721Receiver} from "@openzeppelin/contracts/token/ERC721/IERC721Receiver.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {IRegistry} from "../interfaces/IRegistry.sol";

/// ERC-721 with enumeration, lean because tokens are never burned: a token's holder, its position among the holder's
/// tokens and a note of the registry share one word.
abstract contract AssetTokens is IRegistry {
    using Strings for uint256;

    uint256 private constant POSITION_SHIFT = 160;
    uint256 private constant NOTE_SHIFT = 208;

    string public name;
    string public symbol;
    string public baseURI;

    /// Holder in bits 0-159, position in 160-207, note in 208-255; zero for unknown tokens.
    mapping(uint256 tokenId => uint256) private _words;
    mapping(address holder => uint256) private _balances;
    mapping(address holder => mapping(uint256 position => uint256)) private _tokensOf;
    uint256[] private _tokens;
    mapping(uint256 tokenId => address) private _approvals;
    mapping(address holder => mapping(address operator => bool)) private _operators;

    constructor(string memory name_, string memory symbol_, string memory baseURI_) {
        name = name_;
        symbol = symbol_;
        baseURI = baseURI_;
    }

    function approve(address to, uint256 tokenId) external {
        address holder = ownerOf(tokenId);
        if (msg.sender != holder && !_operators[holder][msg.sender]) revert ERC721InvalidApprover(msg.sender);
        _approvals[tokenId] = to;
        emit Approval(holder, to, tokenId);
    }

    function setApprovalForAll(address operator, bool approved) external {
        if (operator == address(0)) revert ERC721InvalidOperator(operator);
        _operators[msg.sender][operator] = approved;
        emit ApprovalForAll(msg.sender, operator, approved);
    }

    function transferFrom(address from, address to, uint256 tokenId) external {
        _transfer(from, to, tokenId);
    }

    function safeTransferFrom(address from, address to, uint256 tokenId) external {
        _transfer(from, to, tokenId);
        _checkReceiver(from, to, tokenId, "");
    }

    function safeTransferFrom(address from, address to, uint256 tokenId, bytes calldata data) external {
        _transfer(from, to, tokenId);
        _checkReceiver(from, to, tokenId, data);
    }

    /// Creates a token without asking the receiver.
    function _mint(address to, uint256 tokenId, uint256 note) internal {
        if (to == address(0)) revert ERC721InvalidReceiver(to);
        _tokens.push(tokenId);
        _give(to, tokenId, note);
        emit Transfer(address(0), to, tokenId);
    }

    function _transfer(address from, address to, uint256 tokenId) private {
        if (to == address(0)) revert ERC721InvalidReceiver(to);
        uint256 word = _words[tokenId];
        address holder = address(uint160(word)); // bits 0-159
        if (!_mayMove(holder, msg.sender, tokenId)) {
            if (holder == address(0)) revert ERC721NonexistentToken(tokenId);
            revert ERC721InsufficientApproval(msg.sender, tokenId);
        }
        if (holder != from) revert ERC721IncorrectOwner(from, tokenId, holder);
        if (_approvals[tokenId] != address(0)) delete _approvals[tokenId];
        _take(from, uint48(word >> POSITION_SHIFT)); // bits 160-207
        _give(to, tokenId, word >> NOTE_SHIFT);
        emit Transfer(from, to, tokenId);
    }

    function _mayMove(address holder, address spender, uint256 tokenId) private view returns (bool) {
        if (spender == address(0) || holder == address(0)) return false;
        return spender == holder || _operators[holder][spender] || _approvals[tokenId] == spender;
    }

    /// Appends the token to those of `to`; nobody can hold 2^48 of them.
    function _give(address to, uint256 tokenId, uint256 note) private {
        uint256 position = _balances[to]++;
        _tokensOf[to][position] = tokenId;
        _words[tokenId] = uint160(to) | (position << POSITION_SHIFT) | (note << NOTE_SHIFT);
    }

    /// Removes the token at `position`; the holder's last token takes its place.
    function _take(address from, uint256 position) private {
        uint256 last = --_balances[from];
        if (position != last) {
            uint256 moved = _tokensOf[from][last];
            _tokensOf[from][position] = moved;
            uint256 mask = uint256(type(uint48).max) << POSITION_SHIFT;
            _words[moved] = (_words[moved] & ~mask) | (position << POSITION_SHIFT);
        }
        delete _tokensOf[from][last];
    }

    function _checkReceiver(address from, address to, uint256 tokenId, bytes memory data) private {
        if (to.code.length == 0) return;
        try IERC721Receiver(to).onERC721Received(msg.sender, from, tokenId, data) returns (bytes4 answer) {
            if (answer != IERC721Receiver.onERC721Received.selector) revert ERC721InvalidReceiver(to);
        } catch (bytes memory reason) {
            if (reason.length == 0) revert ERC721InvalidReceiver(to);
            assembly ("memory-safe") {
                revert(add(reason, 0x20), mload(reason))
            }
        }
    }

    function _setNote(uint256 tokenId, uint256 note) internal {
        _words[tokenId] = ((_words[tokenId] << 48) >> 48) | (note << NOTE_SHIFT);
    }

    /// Holder and note of a token; reverts for unknown ones.
    function _holderAndNote(uint256 tokenId) internal view returns (address holder, uint256 note) {
        uint256 word = _words[tokenId];
        if (word == 0) revert ERC721NonexistentToken(tokenId);
        return (address(uint160(word)), word >> NOTE_SHIFT); // bits 0-159
    }

    function _exists(uint256 tokenId) internal view returns (bool) {
        return _words[tokenId] != 0;
    }

    function ownerOf(uint256 tokenId) public view returns (address holder) {
        (holder,) = _holderAndNote(tokenId);
    }

    function balanceOf(address holder) public view returns (uint256) {
        if (holder == address(0)) revert ERC721InvalidOwner(holder);
        return _balances[holder];
    }

    function totalSupply() external view returns (uint256) {
        return _tokens.length;
    }

    function tokenByIndex(uint256 index) external view returns (uint256) {
        if (index >= _tokens.length) revert ERC721OutOfBoundsIndex(address(0), index);
        return _tokens[index];
    }

    function tokenOfOwnerByIndex(address holder, uint256 index) external view returns (uint256) {
        if (index >= balanceOf(holder)) revert ERC721OutOfBoundsIndex(holder, index);
        return _tokensOf[holder][index];
    }

    function tokenURI(uint256 tokenId) external view returns (string memory) {
        ownerOf(tokenId);
        return bytes(baseURI).length == 0 ? "" : string.concat(baseURI, tokenId.toString());
    }

    function getApproved(uint256 tokenId) external view returns (address) {
        ownerOf(tokenId);
        return _approvals[tokenId];
    }

    function isApprovedForAll(address holder, address operator) external view returns (bool) {
        return _operators[holder][operator];
    }

    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == type(IERC165).interfaceId || interfaceId == type(IERC721).interfaceId
            || interfaceId == type(IERC721Metadata).interfaceId || interfaceId == type(IERC721Enumerable).interfaceId;
    }
}
