// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAccessors} from "./interfaces/IAccessors.sol";
import {IBoost} from "./interfaces/IBoost.sol";
import {IConfiguration} from "./interfaces/IConfiguration.sol";
import {IEscrow} from "./interfaces/IEscrow.sol";
import {ILegacyAccessors} from "./interfaces/ILegacyAccessors.sol";
import {ILoupe} from "./interfaces/ILoupe.sol";
import {IMatching} from "./interfaces/IMatching.sol";
import {IOrders} from "./interfaces/IOrders.sol";
import {IStakedRlc} from "./interfaces/IStakedRlc.sol";
import {ITasks} from "./interfaces/ITasks.sol";
import {CodeFactory} from "./libraries/CodeFactory.sol";
import {HubStorage} from "./libraries/HubStorage.sol";
import {Modules} from "./Routes.sol";

/// The one address that clients see. It sends each selector to a module that is fixed for ever, and runs the module on
/// its own storage. There is no upgrade and no way to add one.
contract Hub {
    address private immutable ESCROW;
    address private immutable ORDERS;
    address private immutable MATCHING;
    address private immutable TASKS;
    address private immutable BOOST;
    address private immutable ACCESSORS;
    address private immutable LEGACY;
    address private immutable CONFIGURATION;
    address private immutable LOUPE;

    constructor(address owner, Modules memory modules) {
        ESCROW = modules.escrow;
        ORDERS = modules.orders;
        MATCHING = modules.matching;
        TASKS = modules.tasks;
        BOOST = modules.boost;
        ACCESSORS = modules.accessors;
        LEGACY = modules.legacy;
        CONFIGURATION = modules.configuration;
        LOUPE = modules.loupe;
        HubStorage.load().owner = owner;
        emit IConfiguration.OwnershipTransferred(address(0), owner);
    }

    /// No function takes ether; a record under construction fetches its code here.
    receive() external payable {
        CodeFactory.serve();
        revert("fallback-disabled");
    }

    fallback() external payable {
        address module = msg.data.length < 4 ? address(0) : _moduleOf(msg.sig);
        if (module == address(0)) revert("fallback-disabled");
        assembly {
            // This ends the call, so the memory below is nobody's.
            calldatacopy(0x00, 0x00, calldatasize())
            let done := delegatecall(gas(), module, 0x00, calldatasize(), 0x00, 0x00)
            returndatacopy(0x00, 0x00, returndatasize())
            if iszero(done) { revert(0x00, returndatasize()) }
            return(0x00, returndatasize())
        }
    }

    /// The module behind a selector, or zero. Only constants and immutables are read.
    function _moduleOf(bytes4 selector) private view returns (address) {
        // Frequent writes first.
        if (selector == ITasks.contribute.selector) return TASKS;
        if (selector == ITasks.reveal.selector) return TASKS;
        if (selector == ITasks.finalize.selector) return TASKS;
        if (selector == IMatching.matchOrders.selector) return MATCHING;
        if (selector == ITasks.initialize.selector) return TASKS;
        if (selector == ITasks.contributeAndFinalize.selector) return TASKS;
        if (selector == IEscrow.deposit.selector) return ESCROW;
        if (selector == IEscrow.withdraw.selector) return ESCROW;
        if (selector == IMatching.sponsorMatchOrders.selector) return MATCHING;
        if (selector == IBoost.pushResultBoost.selector) return BOOST;
        if (selector == IBoost.matchOrdersBoost.selector) return BOOST;
        if (selector == IEscrow.receiveApproval.selector) return ESCROW;
        // The rest by module.
        if (_isEscrow(selector) || _isStakedRlc(selector)) return ESCROW;
        if (_isOrders(selector)) return ORDERS;
        if (_isMatching(selector)) return MATCHING;
        if (_isTasks(selector)) return TASKS;
        if (_isBoost(selector)) return BOOST;
        if (_isAccessor(selector)) return ACCESSORS;
        if (_isLegacy(selector)) return LEGACY;
        if (_isConfiguration(selector)) return CONFIGURATION;
        if (_isLoupe(selector)) return LOUPE;
        return address(0);
    }

    // What is left to each module once the frequent ones are told apart.

    function _isEscrow(bytes4 selector) private pure returns (bool) {
        return selector == IEscrow.depositFor.selector
            || selector == IEscrow.depositForArray.selector
            || selector == IEscrow.frozenOf.selector
            || selector == IEscrow.matchGuard.selector
            || selector == IEscrow.recover.selector
            || selector == IEscrow.setMatchGuard.selector
            || selector == IEscrow.token.selector
            || selector == IEscrow.viewAccount.selector
            || selector == IEscrow.withdrawTo.selector;
    }

    function _isStakedRlc(bytes4 selector) private pure returns (bool) {
        return selector == IStakedRlc.allowance.selector
            || selector == IStakedRlc.approve.selector
            || selector == IStakedRlc.approveAndCall.selector
            || selector == IStakedRlc.balanceOf.selector
            || selector == IStakedRlc.decimals.selector
            || selector == IStakedRlc.decreaseAllowance.selector
            || selector == IStakedRlc.increaseAllowance.selector
            || selector == IStakedRlc.name.selector
            || selector == IStakedRlc.symbol.selector
            || selector == IStakedRlc.totalSupply.selector
            || selector == IStakedRlc.transfer.selector
            || selector == IStakedRlc.transferFrom.selector;
    }

    function _isOrders(bytes4 selector) private pure returns (bool) {
        return selector == IOrders.broadcastAppOrder.selector
            || selector == IOrders.broadcastDatasetOrder.selector
            || selector == IOrders.broadcastRequestOrder.selector
            || selector == IOrders.broadcastWorkerpoolOrder.selector
            || selector == IOrders.manageAppOrder.selector
            || selector == IOrders.manageDatasetOrder.selector
            || selector == IOrders.manageRequestOrder.selector
            || selector == IOrders.manageWorkerpoolOrder.selector
            || selector == IOrders.verifyPresignature.selector
            || selector == IOrders.verifyPresignatureOrSignature.selector
            || selector == IOrders.verifySignature.selector
            || selector == IOrders.viewConsumed.selector
            || selector == IOrders.viewPresigned.selector;
    }

    function _isMatching(bytes4 selector) private pure returns (bool) {
        return selector == IMatching.assertDatasetDealCompatibility.selector
            || selector == IMatching.computeDealVolume.selector;
    }

    function _isTasks(bytes4 selector) private pure returns (bool) {
        return selector == ITasks.claim.selector
            || selector == ITasks.claimArray.selector
            || selector == ITasks.initializeAndClaimArray.selector
            || selector == ITasks.initializeArray.selector
            || selector == ITasks.reopen.selector;
    }

    function _isBoost(bytes4 selector) private pure returns (bool) {
        return selector == IBoost.claimBoost.selector
            || selector == IBoost.sponsorMatchOrdersBoost.selector
            || selector == IBoost.viewDealBoost.selector;
    }

    function _isAccessor(bytes4 selector) private pure returns (bool) {
        return selector == IAccessors.contribution_deadline_ratio.selector
            || selector == IAccessors.final_deadline_ratio.selector
            || selector == IAccessors.groupmember_purpose.selector
            || selector == IAccessors.kitty_address.selector
            || selector == IAccessors.kitty_min.selector
            || selector == IAccessors.kitty_ratio.selector
            || selector == IAccessors.resultFor.selector
            || selector == IAccessors.reveal_deadline_ratio.selector
            || selector == IAccessors.viewApp.selector
            || selector == IAccessors.viewContribution.selector
            || selector == IAccessors.viewDataset.selector
            || selector == IAccessors.viewDeal.selector
            || selector == IAccessors.viewScore.selector
            || selector == IAccessors.viewTask.selector
            || selector == IAccessors.viewWorkerpool.selector
            || selector == IAccessors.workerpool_stake_ratio.selector;
    }

    function _isLegacy(bytes4 selector) private pure returns (bool) {
        return selector == ILegacyAccessors.viewAccountABILegacy.selector
            || selector == ILegacyAccessors.viewCategoryABILegacy.selector
            || selector == ILegacyAccessors.viewConfigABILegacy.selector
            || selector == ILegacyAccessors.viewContributionABILegacy.selector
            || selector == ILegacyAccessors.viewDealABILegacy_pt1.selector
            || selector == ILegacyAccessors.viewDealABILegacy_pt2.selector
            || selector == ILegacyAccessors.viewTaskABILegacy.selector;
    }

    function _isConfiguration(bytes4 selector) private pure returns (bool) {
        return selector == IConfiguration.appregistry.selector
            || selector == IConfiguration.callbackgas.selector
            || selector == IConfiguration.changeRegistries.selector
            || selector == IConfiguration.configure.selector
            || selector == IConfiguration.countCategory.selector
            || selector == IConfiguration.createCategory.selector
            || selector == IConfiguration.datasetregistry.selector
            || selector == IConfiguration.domain.selector
            || selector == IConfiguration.eip712domain_separator.selector
            || selector == IConfiguration.importScore.selector
            || selector == IConfiguration.owner.selector
            || selector == IConfiguration.setCallbackGas.selector
            || selector == IConfiguration.setTeeBroker.selector
            || selector == IConfiguration.supportsInterface.selector
            || selector == IConfiguration.teebroker.selector
            || selector == IConfiguration.transferOwnership.selector
            || selector == IConfiguration.updateDomainSeparator.selector
            || selector == IConfiguration.viewCategory.selector
            || selector == IConfiguration.workerpoolregistry.selector;
    }

    function _isLoupe(bytes4 selector) private pure returns (bool) {
        return selector == ILoupe.facetAddress.selector
            || selector == ILoupe.facetAddresses.selector
            || selector == ILoupe.facetFunctionSelectors.selector
            || selector == ILoupe.facets.selector;
    }
}
