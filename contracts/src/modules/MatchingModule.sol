// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAsset} from "../interfaces/IAsset.sol";
import {IMatching} from "../interfaces/IMatching.sol";
import {AppOrder, DatasetOrder, RequestOrder, WorkerpoolOrder} from "../types/Orders.sol";
import {TAG_FRAMEWORKS} from "../libraries/Constants.sol";
import {DealRecords, Terms} from "../libraries/DealRecords.sol";
import {HubStorage} from "../libraries/HubStorage.sol";
import {OrderBook} from "../libraries/OrderBook.sol";
import {OrderHash} from "../libraries/OrderHash.sol";
import {Signatures} from "../libraries/Signatures.sol";
import {Match, MatchingRules} from "./MatchingRules.sol";

/// Classic deals.
contract MatchingModule is IMatching, MatchingRules {
    using OrderBook for HubStorage.Layout;

    function matchOrders(
        AppOrder calldata appOrder,
        DatasetOrder calldata datasetOrder,
        WorkerpoolOrder calldata workerpoolOrder,
        RequestOrder calldata requestOrder
    ) external returns (bytes32) {
        Match memory m = _check(appOrder, datasetOrder, workerpoolOrder, requestOrder, true);
        return _makeDeal(m, appOrder, datasetOrder, workerpoolOrder, requestOrder, requestOrder.requester);
    }

    function sponsorMatchOrders(
        AppOrder calldata appOrder,
        DatasetOrder calldata datasetOrder,
        WorkerpoolOrder calldata workerpoolOrder,
        RequestOrder calldata requestOrder
    ) external returns (bytes32 dealId) {
        Match memory m = _check(appOrder, datasetOrder, workerpoolOrder, requestOrder, false);
        dealId = _makeDeal(m, appOrder, datasetOrder, workerpoolOrder, requestOrder, msg.sender);
        emit DealSponsored(dealId, msg.sender);
    }

    function _makeDeal(
        Match memory m,
        AppOrder calldata app,
        DatasetOrder calldata dataset,
        WorkerpoolOrder calldata workerpool,
        RequestOrder calldata request,
        address sponsor
    ) private returns (bytes32 dealId) {
        _readRatios(m, workerpool.workerpool);
        dealId = keccak256(abi.encodePacked(m.requestHash, m.botFirst));
        Terms memory deal;
        deal.dealId = dealId;
        deal.app = app.app;
        deal.appOwner = m.appOwner;
        deal.appPrice = app.appprice;
        if (m.hasDataset) {
            deal.dataset = dataset.dataset;
            deal.datasetOwner = m.datasetOwner;
            deal.datasetPrice = dataset.datasetprice;
        }
        deal.workerpool = workerpool.workerpool;
        deal.workerpoolOwner = m.workerpoolOwner;
        deal.workerpoolPrice = workerpool.workerpoolprice;
        deal.trust = request.trust == 0 ? 1 : request.trust;
        deal.category = request.category;
        deal.tag = m.tag;
        deal.requester = request.requester;
        deal.beneficiary = request.beneficiary;
        deal.callback = request.callback;
        deal.startTime = block.timestamp;
        deal.timeRef = m.timeRef;
        deal.botFirst = m.botFirst;
        deal.botSize = m.volume;
        deal.workerStakeRatio = m.workerStakeRatio;
        deal.workerStake = deal.workerpoolPrice * m.workerStakeRatio / 100;
        deal.schedulerRewardRatio = m.schedulerRewardRatio;
        deal.sponsor = sponsor;
        _consumeAndLock(m, sponsor, deal.appPrice + deal.datasetPrice + deal.workerpoolPrice, deal.workerpoolPrice);
        DealRecords.write(deal, request.params);
        emit SchedulerNotice(deal.workerpool, dealId);
        emit OrdersMatched(dealId, m.appHash, m.datasetHash, m.workerpoolHash, m.requestHash, m.volume);
    }

    function computeDealVolume(
        AppOrder calldata appOrder,
        DatasetOrder calldata datasetOrder,
        WorkerpoolOrder calldata workerpoolOrder,
        RequestOrder calldata requestOrder
    ) external view returns (uint256) {
        return _remainingVolume(appOrder, datasetOrder, workerpoolOrder, requestOrder);
    }

    function assertDatasetDealCompatibility(DatasetOrder calldata datasetOrder, bytes32 dealId) external view {
        HubStorage.Layout storage $ = HubStorage.load();
        bytes32 hash = OrderHash.digest($.domainSeparator, OrderHash.dataset(datasetOrder));
        uint256 word = $.orders[hash];
        _expect($.consumed(hash, word) < datasetOrder.volume, "Dataset order is revoked or fully consumed");
        address owner = IAsset(datasetOrder.dataset).owner();
        _expect(OrderBook.isSigned(word, owner, hash, datasetOrder.sign), "Invalid dataset order signature");
        Terms memory deal = DealRecords.load(DealRecords.addressOf(dealId));
        _expect(deal.requester != address(0), "Deal not found");
        _expect(deal.dataset == address(0), "Deal already has a dataset");
        _expect(Signatures.accepts(datasetOrder.apprestrict, deal.app), "App restriction not satisfied");
        _expect(
            Signatures.accepts(datasetOrder.workerpoolrestrict, deal.workerpool),
            "Workerpool restriction not satisfied"
        );
        _expect(
            Signatures.accepts(datasetOrder.requesterrestrict, deal.requester),
            "Requester restriction not satisfied"
        );
        _expect(
            _effectiveDatasetTag(datasetOrder.tag) & ~deal.tag == 0, "Tag compatibility not satisfied"
        );
    }

    function _expect(bool condition, string memory reason) private pure {
        if (!condition) revert IncompatibleDatasetOrder(reason);
    }

    function _refuse(uint256 code) internal pure override {
        bytes memory text = "iExecV5-matchOrders-0x00";
        bytes16 digits = "0123456789abcdef";
        text[22] = digits[code >> 4];
        text[23] = digits[code & 0x0f];
        revert(string(text));
    }

    function _checkTrust(uint256 requested, uint256 offered) internal pure override {
        _demand(requested <= offered, 0x02);
    }

    function _effectiveDatasetTag(bytes32 tag) internal pure override returns (bytes32) {
        return tag & ~TAG_FRAMEWORKS;
    }

    function _readsOwnerFirst() internal pure override returns (bool) {
        return true;
    }
}
