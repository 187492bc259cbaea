// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IConfiguration} from "../interfaces/IConfiguration.sol";
import {EIP712Domain} from "../types/Orders.sol";
import {Category} from "../types/Records.sol";
import {CALLBACK_GAS_DEFAULT, CALLBACK_GAS_MAX} from "../libraries/Constants.sol";
import {HubStorage} from "../libraries/HubStorage.sol";
import {Ledger} from "../libraries/Ledger.sol";
import {OrderHash} from "../libraries/OrderHash.sol";

/// The hub of protocol version 3, whose scores can be taken over.
interface IV3Hub {
    function viewScore(address worker) external returns (uint256);
}

/// Set-up, categories, ownership.
contract ConfigurationModule is IConfiguration {
    using Ledger for HubStorage.Layout;

    bytes4 private constant ERC165 = 0x01ffc9a7;
    bytes4 private constant ERC173 = 0x7f5828d0;
    bytes4 private constant ERC2535_LOUPE = 0x48e2b093;
    uint256 private constant DURATION_EXISTS = 1 << 255;

    modifier onlyOwner() {
        if (msg.sender != HubStorage.load().owner) revert("Ownable: caller is not the owner");
        _;
    }

    function configure(
        address token,
        string calldata name,
        string calldata symbol,
        uint8 decimals,
        address appRegistry,
        address datasetRegistry,
        address workerpoolRegistry,
        address v3Hub
    ) external onlyOwner {
        HubStorage.Layout storage $ = HubStorage.load();
        if ($.domainSeparator != bytes32(0)) revert("already-configured");
        $.domainSeparator = OrderHash.separator();
        $.baseToken = token;
        $.name = name;
        $.symbol = symbol;
        $.decimals = decimals;
        $.appRegistry = appRegistry;
        $.datasetRegistry = datasetRegistry;
        $.workerpoolRegistry = workerpoolRegistry;
        $.v3Hub = v3Hub;
        $.callbackGas = uint32(CALLBACK_GAS_DEFAULT); // a constant below 2^32
    }

    function updateDomainSeparator() external {
        HubStorage.Layout storage $ = HubStorage.load();
        if ($.domainSeparator == bytes32(0)) revert("not-configured");
        $.domainSeparator = OrderHash.separator();
    }

    function importScore(address worker) external {
        HubStorage.Layout storage $ = HubStorage.load();
        if ($.scoreImported[worker]) revert("score-already-imported");
        $.scoreImported[worker] = true;
        uint256 score = IV3Hub($.v3Hub).viewScore(worker);
        if (score > $.scoreOf(worker)) $.setScore(worker, score);
    }

    function setTeeBroker(address broker) external onlyOwner {
        HubStorage.load().teeBroker = broker;
    }

    function setCallbackGas(uint256 gasLimit) external onlyOwner {
        if (gasLimit > CALLBACK_GAS_MAX) revert CallbackGasTooHigh(gasLimit);
        HubStorage.load().callbackGas = uint32(gasLimit); // at most CALLBACK_GAS_MAX
    }

    function changeRegistries(address appRegistry, address datasetRegistry, address workerpoolRegistry)
        external
        onlyOwner
    {
        HubStorage.Layout storage $ = HubStorage.load();
        $.appRegistry = appRegistry;
        $.datasetRegistry = datasetRegistry;
        $.workerpoolRegistry = workerpoolRegistry;
    }

    function createCategory(string calldata name, string calldata description, uint256 workClockTimeRef)
        external
        onlyOwner
        returns (uint256 categoryId)
    {
        HubStorage.Layout storage $ = HubStorage.load();
        categoryId = $.categories.length;
        $.categories.push(Category(name, description, workClockTimeRef));
        // A T of 2^255 and more loses its top bit here into itself: its deadlines overflow with or without it.
        $.durations[categoryId] = workClockTimeRef < DURATION_EXISTS
            ? workClockTimeRef | DURATION_EXISTS
            : type(uint256).max;
        emit CreateCategory(categoryId, name, description, workClockTimeRef);
    }

    function transferOwnership(address newOwner) external {
        HubStorage.Layout storage $ = HubStorage.load();
        address previous = $.owner;
        if (msg.sender != previous) revert NotContractOwner(msg.sender, previous);
        $.owner = newOwner;
        emit OwnershipTransferred(previous, newOwner);
    }

    function domain() external view returns (EIP712Domain memory) {
        return EIP712Domain({
            name: OrderHash.DOMAIN_NAME,
            version: OrderHash.DOMAIN_VERSION,
            chainId: block.chainid,
            verifyingContract: address(this)
        });
    }

    function eip712domain_separator() external view returns (bytes32) {
        return HubStorage.load().domainSeparator;
    }

    function viewCategory(uint256 categoryId) external view returns (Category memory) {
        HubStorage.Layout storage $ = HubStorage.load();
        require(categoryId < $.categories.length);
        return $.categories[categoryId];
    }

    function countCategory() external view returns (uint256) {
        return HubStorage.load().categories.length;
    }

    function appregistry() external view returns (address) {
        return HubStorage.load().appRegistry;
    }

    function datasetregistry() external view returns (address) {
        return HubStorage.load().datasetRegistry;
    }

    function workerpoolregistry() external view returns (address) {
        return HubStorage.load().workerpoolRegistry;
    }

    function teebroker() external view returns (address) {
        return HubStorage.load().teeBroker;
    }

    function callbackgas() external view returns (uint256) {
        return HubStorage.load().callbackGas;
    }

    function owner() external view returns (address) {
        return HubStorage.load().owner;
    }

    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == ERC165 || interfaceId == ERC173 || interfaceId == ERC2535_LOUPE;
    }
}
