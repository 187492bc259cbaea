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

/// Addresses of the modules, in the order of the loupe.
struct Modules {
    address escrow;
    address orders;
    address matching;
    address tasks;
    address boost;
    address accessors;
    address legacy;
    address configuration;
    address loupe;
}

/// Which module has which selectors. The router compares against the same constants (Hub.sol); a test holds the two
/// together.
library Routes {
    function escrow() internal pure returns (bytes memory) {
        return bytes.concat(
            abi.encodePacked(
                IEscrow.deposit.selector,
                IEscrow.depositFor.selector,
                IEscrow.depositForArray.selector,
                IEscrow.frozenOf.selector,
                IEscrow.matchGuard.selector,
                IEscrow.receiveApproval.selector,
                IEscrow.recover.selector,
                IEscrow.setMatchGuard.selector,
                IEscrow.token.selector,
                IEscrow.viewAccount.selector
            ),
            abi.encodePacked(
                IEscrow.withdraw.selector,
                IEscrow.withdrawTo.selector,
                IStakedRlc.allowance.selector,
                IStakedRlc.approve.selector,
                IStakedRlc.approveAndCall.selector,
                IStakedRlc.balanceOf.selector,
                IStakedRlc.decimals.selector,
                IStakedRlc.decreaseAllowance.selector,
                IStakedRlc.increaseAllowance.selector,
                IStakedRlc.name.selector
            ),
            abi.encodePacked(
                IStakedRlc.symbol.selector,
                IStakedRlc.totalSupply.selector,
                IStakedRlc.transfer.selector,
                IStakedRlc.transferFrom.selector
            )
        );
    }

    function orders() internal pure returns (bytes memory) {
        return bytes.concat(
            abi.encodePacked(
                IOrders.broadcastAppOrder.selector,
                IOrders.broadcastDatasetOrder.selector,
                IOrders.broadcastRequestOrder.selector,
                IOrders.broadcastWorkerpoolOrder.selector,
                IOrders.manageAppOrder.selector,
                IOrders.manageDatasetOrder.selector,
                IOrders.manageRequestOrder.selector,
                IOrders.manageWorkerpoolOrder.selector,
                IOrders.verifyPresignature.selector,
                IOrders.verifyPresignatureOrSignature.selector
            ),
            abi.encodePacked(
                IOrders.verifySignature.selector,
                IOrders.viewConsumed.selector,
                IOrders.viewPresigned.selector
            )
        );
    }

    function matching() internal pure returns (bytes memory) {
        return abi.encodePacked(
            IMatching.assertDatasetDealCompatibility.selector,
            IMatching.computeDealVolume.selector,
            IMatching.matchOrders.selector,
            IMatching.sponsorMatchOrders.selector
        );
    }

    function tasks() internal pure returns (bytes memory) {
        return abi.encodePacked(
            ITasks.claim.selector,
            ITasks.claimArray.selector,
            ITasks.contribute.selector,
            ITasks.contributeAndFinalize.selector,
            ITasks.finalize.selector,
            ITasks.initialize.selector,
            ITasks.initializeAndClaimArray.selector,
            ITasks.initializeArray.selector,
            ITasks.reopen.selector,
            ITasks.reveal.selector
        );
    }

    function boost() internal pure returns (bytes memory) {
        return abi.encodePacked(
            IBoost.claimBoost.selector,
            IBoost.matchOrdersBoost.selector,
            IBoost.pushResultBoost.selector,
            IBoost.sponsorMatchOrdersBoost.selector,
            IBoost.viewDealBoost.selector
        );
    }

    function accessors() internal pure returns (bytes memory) {
        return bytes.concat(
            abi.encodePacked(
                IAccessors.contribution_deadline_ratio.selector,
                IAccessors.final_deadline_ratio.selector,
                IAccessors.groupmember_purpose.selector,
                IAccessors.kitty_address.selector,
                IAccessors.kitty_min.selector,
                IAccessors.kitty_ratio.selector,
                IAccessors.resultFor.selector,
                IAccessors.reveal_deadline_ratio.selector,
                IAccessors.viewApp.selector,
                IAccessors.viewContribution.selector
            ),
            abi.encodePacked(
                IAccessors.viewDataset.selector,
                IAccessors.viewDeal.selector,
                IAccessors.viewScore.selector,
                IAccessors.viewTask.selector,
                IAccessors.viewWorkerpool.selector,
                IAccessors.workerpool_stake_ratio.selector
            )
        );
    }

    function legacy() internal pure returns (bytes memory) {
        return abi.encodePacked(
            ILegacyAccessors.viewAccountABILegacy.selector,
            ILegacyAccessors.viewCategoryABILegacy.selector,
            ILegacyAccessors.viewConfigABILegacy.selector,
            ILegacyAccessors.viewContributionABILegacy.selector,
            ILegacyAccessors.viewDealABILegacy_pt1.selector,
            ILegacyAccessors.viewDealABILegacy_pt2.selector,
            ILegacyAccessors.viewTaskABILegacy.selector
        );
    }

    function configuration() internal pure returns (bytes memory) {
        return bytes.concat(
            abi.encodePacked(
                IConfiguration.appregistry.selector,
                IConfiguration.callbackgas.selector,
                IConfiguration.changeRegistries.selector,
                IConfiguration.configure.selector,
                IConfiguration.countCategory.selector,
                IConfiguration.createCategory.selector,
                IConfiguration.datasetregistry.selector,
                IConfiguration.domain.selector,
                IConfiguration.eip712domain_separator.selector,
                IConfiguration.importScore.selector
            ),
            abi.encodePacked(
                IConfiguration.owner.selector,
                IConfiguration.setCallbackGas.selector,
                IConfiguration.setTeeBroker.selector,
                IConfiguration.supportsInterface.selector,
                IConfiguration.teebroker.selector,
                IConfiguration.transferOwnership.selector,
                IConfiguration.updateDomainSeparator.selector,
                IConfiguration.viewCategory.selector,
                IConfiguration.workerpoolregistry.selector
            )
        );
    }

    function loupe() internal pure returns (bytes memory) {
        return abi.encodePacked(
            ILoupe.facetAddress.selector,
            ILoupe.facetAddresses.selector,
            ILoupe.facetFunctionSelectors.selector,
            ILoupe.facets.selector
        );
    }
}
