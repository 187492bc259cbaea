// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// Keeps what the hub reports to it.
contract Consumer {
    address private immutable HUB;
    mapping(bytes32 taskId => bytes) public results;

    constructor(address hub) {
        HUB = hub;
    }

    function receiveResult(bytes32 taskId, bytes calldata result) external {
        require(msg.sender == HUB, "not the hub");
        results[taskId] = result;
    }
}

/// Wants nothing to be reported to it.
contract Unwilling {
    function receiveResult(bytes32, bytes calldata) external pure {
        revert("no, thank you");
    }
}

/// ERC-734 as far as the hub asks: who is in the group.
contract Group {
    uint256 private constant MEMBER = 4;
    address private immutable THE_MEMBER;

    constructor(address member) {
        THE_MEMBER = member;
    }

    function keyHasPurpose(bytes32 key, uint256 purpose) external view returns (bool) {
        return purpose == MEMBER && key == bytes32(uint256(uint160(THE_MEMBER)));
    }
}

/// A wallet that is a contract. What its owner signs counts for it (ERC-1271) if the wallet's address stands in front of
/// the signature: a form that no key's account accepts.
contract Account {
    bytes4 private constant ACCEPTED = 0x1626ba7e;
    address private immutable OWNER;

    constructor() {
        OWNER = msg.sender;
    }

    receive() external payable {}

    function execute(address to, uint256 value, bytes calldata data) external {
        require(msg.sender == OWNER, "not the owner");
        (bool done, bytes memory answer) = to.call{value: value}(data);
        if (!done) {
            assembly ("memory-safe") {
                revert(add(answer, 0x20), mload(answer))
            }
        }
    }

    function onERC721Received(address, address, uint256, bytes calldata) external pure returns (bytes4) {
        return this.onERC721Received.selector;
    }

    function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes4) {
        if (signature.length != 85 || address(bytes20(signature[:20])) != address(this)) return 0;
        (bytes32 r, bytes32 s) = abi.decode(signature[20:84], (bytes32, bytes32));
        return ecrecover(digest, uint8(signature[84]), r, s) == OWNER ? ACCEPTED : bytes4(0);
    }
}
