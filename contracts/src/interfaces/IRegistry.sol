// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC721Enumerable} from "@openzeppelin/contracts/token/ERC721/extensions/IERC721Enumerable.sol";
import {IERC721Metadata} from "@openzeppelin/contracts/token/ERC721/extensions/IERC721Metadata.sol";
import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

/// A collection of assets: ERC-721 with metadata and enumeration; the token id is the asset's address.
interface IRegistry is IERC721Enumerable, IERC721Metadata, IERC721Errors {
    event OwnershipTransferred(address indexed previousOwner, address indexed newOwner);

    /// The owner or the token index does not exist in the enumeration.
    error ERC721OutOfBoundsIndex(address owner, uint256 index);
    /// Ownership may be renounced, but not transferred to zero.
    error OwnableInvalidOwner(address owner);
    /// The fields of an asset exceed what a contract's code can hold.
    error AssetTooLarge(uint256 size);

    /// Whether `entry` is an asset of this registry or of the previous ones.
    function isRegistered(address entry) external view returns (bool);
    function previous() external view returns (address);
    function initialized() external view returns (bool);

    /// Links the registry that this one continues, or zero; registry owner only, once.
    function initialize(address previous) external;
    function baseURI() external view returns (string memory);
    function setBaseURI(string calldata baseUri) external;

    /// The implementation that all assets of this registry share.
    function master() external view returns (address);

    /// The init code of every asset (the same for all) and its hash.
    function proxyCode() external view returns (bytes memory);
    function proxyCodeHash() external view returns (bytes32);

    /// Always reverts: reverse names are not supported.
    function setName(address ens, string calldata name) external;
    function owner() external view returns (address);
    function transferOwnership(address newOwner) external;
    function renounceOwnership() external;
}

/// Registry of applications.
interface IAppRegistry is IRegistry {
    /// Creates an app for `holder`; anyone may call. Equal arguments revert `Create2: Failed on deploy`.
    function createApp(
        address holder,
        string calldata appName,
        string calldata appType,
        bytes calldata multiaddr,
        bytes32 checksum,
        bytes calldata mrenclave
    ) external returns (address);

    /// The address that `createApp` gives for these arguments, before and after.
    function predictApp(
        address holder,
        string calldata appName,
        string calldata appType,
        bytes calldata multiaddr,
        bytes32 checksum,
        bytes calldata mrenclave
    ) external view returns (address);
}

/// Registry of datasets.
interface IDatasetRegistry is IRegistry {
    function createDataset(address holder, string calldata datasetName, bytes calldata multiaddr, bytes32 checksum)
        external
        returns (address);

    function predictDataset(address holder, string calldata datasetName, bytes calldata multiaddr, bytes32 checksum)
        external
        view
        returns (address);
}

/// Registry of workerpools; it also keeps their policies, next to the owner, so that a deal reads one slot.
interface IWorkerpoolRegistry is IRegistry {
    /// The caller is not a workerpool of this registry.
    error CallerIsNotAWorkerpool(address caller);

    function createWorkerpool(address holder, string calldata description) external returns (address);
    function predictWorkerpool(address holder, string calldata description) external view returns (address);

    /// Owner and policies of a workerpool; reverts like `ownerOf` for an unknown one.
    function termsOf(address workerpool)
        external
        view
        returns (address owner, uint256 workerStakeRatio, uint256 schedulerRewardRatio);

    /// Replaces the policies of the calling workerpool.
    function setTerms(uint256 workerStakeRatio, uint256 schedulerRewardRatio) external;
}
