// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Deal, Resource} from "../types/Records.sol";
import {DealRecords, Terms} from "./DealRecords.sol";

/// Deals as clients see them.
library DealViews {
    function viewDeal(bytes32 dealId) internal view returns (Deal memory) {
        Terms memory deal = DealRecords.load(DealRecords.addressOf(dealId));
        return Deal({
            app: Resource(deal.app, deal.appOwner, deal.appPrice),
            dataset: Resource(deal.dataset, deal.datasetOwner, deal.datasetPrice),
            workerpool: Resource(deal.workerpool, deal.workerpoolOwner, deal.workerpoolPrice),
            trust: deal.trust,
            category: deal.category,
            tag: deal.tag,
            requester: deal.requester,
            beneficiary: deal.beneficiary,
            callback: deal.callback,
            params: DealRecords.paramsOf(deal),
            startTime: deal.startTime,
            botFirst: deal.botFirst,
            botSize: deal.botSize,
            workerStake: deal.workerStake,
            schedulerRewardRatio: deal.schedulerRewardRatio,
            sponsor: deal.sponsor
        });
    }
}
