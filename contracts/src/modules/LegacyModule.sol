// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ILegacyAccessors} from "../interfaces/ILegacyAccessors.sol";
import {Category, Contribution, Deal, Task} from "../types/Records.sol";
import {DealViews} from "../libraries/DealViews.sol";
import {HubStorage} from "../libraries/HubStorage.sol";
import {Ledger} from "../libraries/Ledger.sol";
import {TaskViews} from "../libraries/TaskViews.sol";

/// Flat forms of the accessors.
contract LegacyModule is ILegacyAccessors {
    using Ledger for HubStorage.Layout;

    function viewAccountABILegacy(address account) external view returns (uint256 stake, uint256 locked) {
        HubStorage.Layout storage $ = HubStorage.load();
        return ($.balanceOf(account), $.frozenOf(account));
    }

    function viewDealABILegacy_pt1(bytes32 dealId)
        external
        view
        returns (address, address, uint256, address, address, uint256, address, address, uint256)
    {
        Deal memory deal = DealViews.viewDeal(dealId);
        return (
            deal.app.pointer,
            deal.app.owner,
            deal.app.price,
            deal.dataset.pointer,
            deal.dataset.owner,
            deal.dataset.price,
            deal.workerpool.pointer,
            deal.workerpool.owner,
            deal.workerpool.price
        );
    }

    function viewDealABILegacy_pt2(bytes32 dealId)
        external
        view
        returns (uint256, bytes32, address, address, address, string memory)
    {
        Deal memory deal = DealViews.viewDeal(dealId);
        return (deal.trust, deal.tag, deal.requester, deal.beneficiary, deal.callback, deal.params);
    }

    function viewConfigABILegacy(bytes32 dealId)
        external
        view
        returns (uint256, uint256, uint256, uint256, uint256, uint256)
    {
        Deal memory deal = DealViews.viewDeal(dealId);
        return (
            deal.category, deal.startTime, deal.botFirst, deal.botSize, deal.workerStake, deal.schedulerRewardRatio
        );
    }

    function viewTaskABILegacy(bytes32 taskId)
        external
        view
        returns (
            uint8,
            bytes32,
            uint256,
            uint256,
            uint256,
            uint256,
            uint256,
            bytes32,
            uint256,
            uint256,
            address[] memory,
            bytes memory
        )
    {
        Task memory task = TaskViews.viewTask(taskId);
        return (
            uint8(task.status),
            task.dealid,
            task.idx,
            task.timeref,
            task.contributionDeadline,
            task.revealDeadline,
            task.finalDeadline,
            task.consensusValue,
            task.revealCounter,
            task.winnerCounter,
            task.contributors,
            task.results
        );
    }

    function viewContributionABILegacy(bytes32 taskId, address worker)
        external
        view
        returns (uint8, bytes32, bytes32, address)
    {
        Contribution memory contribution = TaskViews.viewContribution(taskId, worker);
        return (
            uint8(contribution.status),
            contribution.resultHash,
            contribution.resultSeal,
            contribution.enclaveChallenge
        );
    }

    function viewCategoryABILegacy(uint256 categoryId)
        external
        view
        returns (string memory, string memory, uint256)
    {
        Category memory category = HubStorage.load().categories[categoryId];
        return (category.name, category.description, category.workClockTimeRef);
    }
}
