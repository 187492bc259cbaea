// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {IBoost} from "../../src/interfaces/IBoost.sol";
import {IMatching} from "../../src/interfaces/IMatching.sol";
import {IWorkerpoolRegistry} from "../../src/interfaces/IRegistry.sol";
import {Eip712, OrderSet} from "../Orders.sol";
import {vm, within} from "../Vm.sol";
import {KnownDeal} from "./Books.sol";
import {EscrowActions} from "./Escrow.sol";

/// Signed orders are matched, again and again while they have volume; assets and policies change meanwhile.
abstract contract DealActions is EscrowActions {
    uint256 internal constant DEALS_MAX = 200;

    OrderSet[] private sets;
    /// Volume that an order was signed with, by its hash.
    mapping(bytes32 hash => uint256) public volumes;
    bytes32[] public hashes;
    address internal consumer;

    function matchNew(uint256 who, uint256 prices, uint256 shape, uint256 size) external {
        OrderSet memory set = _orders(_actor(who));
        set.app.appprice = within(prices, 0, 1e12);
        // Mostly so little that a failure leaves the kitty where its least payment counts.
        set.workerpool.workerpoolprice = within(prices >> 64, 0, prices % 32 == 0 ? 1e13 : 3e9);
        (set.request.appmaxprice, set.request.workerpoolmaxprice) = (1e12, 1e13);
        if (shape & 1 == 0) {
            (set.dataset.dataset, set.request.dataset) = (dataset, dataset);
            (set.dataset.datasetprice, set.request.datasetmaxprice) = (within(prices >> 128, 0, 1e12), 1e12);
        }
        uint256 trust = shape & 4 == 0 ? 1 : within(shape >> 8, 2, 12);
        (set.workerpool.trust, set.request.trust) = (trust, trust);
        if (shape & 24 == 0) set.request.callback = consumer;
        (set.app.volume, set.dataset.volume) = (within(size, 1, 9), within(size >> 8, 1, 9));
        (set.workerpool.volume, set.request.volume) = (within(size >> 16, 1, 9), within(size >> 24, 1, 4));
        _sign(set);
        sets.push(set);
        _note(Eip712.app(set.app), set.app.volume);
        _note(Eip712.workerpool(set.workerpool), set.workerpool.volume);
        _note(Eip712.request(set.request), set.request.volume);
        if (shape & 1 == 0) _note(Eip712.dataset(set.dataset), set.dataset.volume);
        _match(set, shape >> 32);
    }

    /// Orders seen before: with other requests, or once more.
    function matchAgain(uint256 which, uint256 other, uint256 shape) external {
        if (sets.length == 0) return;
        OrderSet memory set = sets[which % sets.length];
        OrderSet memory beside = sets[other % sets.length];
        if (shape & 1 == 0) set.app = beside.app;
        if (shape & 2 == 0) set.workerpool = beside.workerpool;
        _match(set, shape >> 2);
    }

    function _note(bytes32 structHash, uint256 volume) private {
        bytes32 hash = Eip712.digest(address(hub), structHash);
        volumes[hash] = volume;
        hashes.push(hash);
    }

    function orderCount() external view returns (uint256) {
        return hashes.length;
    }

    function _match(OrderSet memory set, uint256 shape) private {
        if (deals.length == DEALS_MAX) return;
        bool boost = shape & 1 == 0 && set.request.trust == 1;
        bool sponsored = shape & 12 == 0;
        address sender = sponsored ? _actor(shape >> 8) : shape & 16 == 0 ? address(0x57A) : set.request.requester;
        KnownDeal memory deal = _expected(set);
        (deal.boost, deal.sponsor) = (boost, sponsored ? sender : set.request.requester);
        bytes4 selector = boost
            ? (sponsored ? IBoost.sponsorMatchOrdersBoost.selector : IBoost.matchOrdersBoost.selector)
            : (sponsored ? IMatching.sponsorMatchOrders.selector : IMatching.matchOrders.selector);
        bytes32 request = Eip712.digest(address(hub), Eip712.request(set.request));
        deal.botFirst = hub.viewConsumed(request);
        bytes memory data = abi.encodePacked(selector, abi.encode(set.app, set.dataset, set.workerpool, set.request));
        (bool ok, bytes memory answer) = _send(boost ? bytes32("matchBoost") : bytes32("match"), sender, data);
        if (!ok) return;
        deal.id = abi.decode(answer, (bytes32));
        deal.botSize = hub.viewConsumed(request) - deal.botFirst;
        deals.push(deal);
        frozen[deal.sponsor] += _price(deal) * deal.botSize;
        frozen[deal.scheduler] += _stake(deal) * deal.botSize;
    }

    /// Owners and terms as they are when the match is made.
    function _expected(OrderSet memory set) private view returns (KnownDeal memory deal) {
        deal.appOwner = IERC721(address(apps)).ownerOf(uint160(app));
        deal.appPrice = set.app.appprice;
        deal.datasetOwner = IERC721(address(datasets)).ownerOf(uint160(dataset));
        if (set.dataset.dataset != address(0)) deal.datasetPrice = set.dataset.datasetprice;
        deal.workerpoolPrice = set.workerpool.workerpoolprice;
        uint256 stakeRatio;
        (deal.scheduler, stakeRatio, deal.rewardRatio) = IWorkerpoolRegistry(address(workerpools)).termsOf(workerpool);
        deal.workerStake = deal.workerpoolPrice * stakeRatio / 100;
        deal.trust = set.request.trust;
        deal.callback = set.request.callback;
    }

    function changePolicy(uint256 stakeRatio, uint256 rewardRatio) external {
        _setPolicy(within(stakeRatio, 0, stakeRatio & 7 == 0 ? 1000 : 60), within(rewardRatio, 0, 100));
    }

    /// An asset changes hands: deals made before stay with their owners, old orders lose their force.
    function handOver(uint256 which, uint256 whom) external {
        if (which % 8 > 2) return;
        address registry = which % 8 == 0 ? address(apps) : which % 8 == 1 ? address(datasets) : address(workerpools);
        address asset = which % 8 == 0 ? app : which % 8 == 1 ? dataset : workerpool;
        address holder = IERC721(registry).ownerOf(uint160(asset));
        vm.prank(holder);
        IERC721(registry).transferFrom(holder, _actor(whom), uint160(asset));
    }
}
