// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAsset, IWorkerpool} from "../interfaces/IAsset.sol";
import {IMatching} from "../interfaces/IMatching.sol";
import {IRegistry, IWorkerpoolRegistry} from "../interfaces/IRegistry.sol";
import {AppOrder, DatasetOrder, RequestOrder, WorkerpoolOrder} from "../types/Orders.sol";
import {ACTING_REQUESTER, TAG_TEE, WORKERPOOL_STAKE_RATIO} from "../libraries/Constants.sol";
import {HubStorage} from "../libraries/HubStorage.sol";
import {Ledger} from "../libraries/Ledger.sol";
import {OrderBook} from "../libraries/OrderBook.sol";
import {OrderHash} from "../libraries/OrderHash.sol";
import {Signatures} from "../libraries/Signatures.sol";

/// What the checks of a match find out about four orders.
struct Match {
    bytes32 appHash;
    bytes32 datasetHash;
    bytes32 workerpoolHash;
    bytes32 requestHash;
    /// Packed words of the order book: see OrderBook.sol.
    uint256 appWord;
    uint256 datasetWord;
    uint256 workerpoolWord;
    uint256 requestWord;
    address appOwner;
    address datasetOwner;
    address workerpoolOwner;
    uint256 workerStakeRatio;
    uint256 schedulerRewardRatio;
    /// Whether the registry told the two ratios along with the owner.
    bool hasRatios;
    bool hasDataset;
    bytes32 tag;
    uint256 timeRef;
    /// Consumed volume of the request before this match.
    uint256 botFirst;
    uint256 volume;
}

/// The rules by which four orders make a deal, shared by the classic and the Boost path. Where the two differ there is
/// a virtual function. Requirements are numbered by the classic codes.
abstract contract MatchingRules {
    using Ledger for HubStorage.Layout;
    using OrderBook for HubStorage.Layout;

    uint256 private constant DURATION_EXISTS = 1 << 255;

    /// Reverts in the form that the path has for a failed requirement.
    function _refuse(uint256 code) internal pure virtual;

    /// Requirement 02.
    function _checkTrust(uint256 requested, uint256 offered) internal pure virtual;

    /// The bits of a dataset order's tag that take effect.
    function _effectiveDatasetTag(bytes32 tag) internal pure virtual returns (bytes32);

    /// Whether `owner()` of an asset is read before its registration is checked.
    function _readsOwnerFirst() internal pure virtual returns (bool);

    /// All requirements, in order. `selfPaid` tells that the requester will pay.
    function _check(
        AppOrder calldata app,
        DatasetOrder calldata dataset,
        WorkerpoolOrder calldata workerpool,
        RequestOrder calldata request,
        bool selfPaid
    ) internal view returns (Match memory m) {
        HubStorage.Layout storage $ = HubStorage.load();
        m.hasDataset = dataset.dataset != address(0);
        _hash($, m, app, dataset, workerpool, request);
        _checkTerms($, m, app, dataset, workerpool, request);
        _checkRestrictions(m.hasDataset, app, dataset, workerpool, request);
        _checkAssets($, m, app, dataset, workerpool);
        m.requestWord = $.orders[m.requestHash];
        _demand(OrderBook.isSigned(m.requestWord, request.requester, m.requestHash, request.sign), 0x50);
        if (selfPaid) _checkGuard($, request.requester);
        m.botFirst = $.consumed(m.requestHash, m.requestWord);
        m.volume = _volume($, m, app.volume, dataset.volume, workerpool.volume, request.volume);
        _demand(m.volume != 0, 0x60);
    }

    /// The volume that these orders have left in common; nothing else is checked.
    function _remainingVolume(
        AppOrder calldata app,
        DatasetOrder calldata dataset,
        WorkerpoolOrder calldata workerpool,
        RequestOrder calldata request
    ) internal view returns (uint256) {
        HubStorage.Layout storage $ = HubStorage.load();
        Match memory m;
        m.hasDataset = dataset.dataset != address(0);
        _hash($, m, app, dataset, workerpool, request);
        m.appWord = $.orders[m.appHash];
        m.datasetWord = $.orders[m.datasetHash];
        m.workerpoolWord = $.orders[m.workerpoolHash];
        m.requestWord = $.orders[m.requestHash];
        m.botFirst = $.consumed(m.requestHash, m.requestWord);
        return _volume($, m, app.volume, dataset.volume, workerpool.volume, request.volume);
    }

    /// `price` of all resources per task, each as recorded in the deal.
    function _consumeAndLock(Match memory m, address sponsor, uint256 price, uint256 workerpoolPrice) internal {
        HubStorage.Layout storage $ = HubStorage.load();
        uint256 volume = m.volume;
        $.setConsumed(m.appHash, m.appWord, $.consumed(m.appHash, m.appWord) + volume);
        if (m.hasDataset) {
            $.setConsumed(m.datasetHash, m.datasetWord, $.consumed(m.datasetHash, m.datasetWord) + volume);
        }
        $.setConsumed(
            m.workerpoolHash, m.workerpoolWord, $.consumed(m.workerpoolHash, m.workerpoolWord) + volume
        );
        $.setConsumed(m.requestHash, m.requestWord, m.botFirst + volume);
        $.lock(sponsor, price * volume);
        $.lock(m.workerpoolOwner, workerpoolPrice * WORKERPOOL_STAKE_RATIO / 100 * volume);
    }

    /// The policies of the workerpool, from the asset itself if its registry did not tell them.
    function _readRatios(Match memory m, address workerpool) internal view {
        if (m.hasRatios) return;
        m.workerStakeRatio = IWorkerpool(workerpool).m_workerStakeRatioPolicy();
        m.schedulerRewardRatio = IWorkerpool(workerpool).m_schedulerRewardRatioPolicy();
    }

    function _demand(bool condition, uint256 code) internal pure {
        if (!condition) _refuse(code);
    }

    function _hash(
        HubStorage.Layout storage $,
        Match memory m,
        AppOrder calldata app,
        DatasetOrder calldata dataset,
        WorkerpoolOrder calldata workerpool,
        RequestOrder calldata request
    ) private view {
        bytes32 separator = $.domainSeparator;
        m.appHash = OrderHash.digest(separator, OrderHash.app(app));
        // Hashed even when it is not used: a malformed order reverts.
        bytes32 datasetHash = OrderHash.dataset(dataset);
        if (m.hasDataset) m.datasetHash = OrderHash.digest(separator, datasetHash);
        m.workerpoolHash = OrderHash.digest(separator, OrderHash.workerpool(workerpool));
        m.requestHash = OrderHash.digest(separator, OrderHash.request(request));
    }

    /// Requirements 00 to 11: category, trust, prices, tags, assets.
    function _checkTerms(
        HubStorage.Layout storage $,
        Match memory m,
        AppOrder calldata app,
        DatasetOrder calldata dataset,
        WorkerpoolOrder calldata workerpool,
        RequestOrder calldata request
    ) private view {
        _demand(request.category == workerpool.category, 0x00);
        uint256 duration = $.durations[request.category];
        _demand(duration != 0, 0x01);
        m.timeRef = duration & ~DURATION_EXISTS;
        _checkTrust(request.trust, workerpool.trust);
        _demand(request.appmaxprice >= app.appprice, 0x03);
        if (m.hasDataset) _demand(request.datasetmaxprice >= dataset.datasetprice, 0x04);
        _demand(request.workerpoolmaxprice >= workerpool.workerpoolprice, 0x05);
        m.tag = app.tag | request.tag;
        if (m.hasDataset) m.tag |= _effectiveDatasetTag(dataset.tag);
        _demand(m.tag & ~workerpool.tag == 0, 0x06);
        _demand((m.tag ^ app.tag) & TAG_TEE == 0, 0x07);
        _demand(request.app == app.app, 0x10);
        _demand(request.dataset == dataset.dataset, 0x11);
    }

    /// Requirements 12 to 1b: every restriction accepts what it restricts.
    function _checkRestrictions(
        bool hasDataset,
        AppOrder calldata app,
        DatasetOrder calldata dataset,
        WorkerpoolOrder calldata workerpool,
        RequestOrder calldata request
    ) private view {
        _demand(Signatures.accepts(request.workerpool, workerpool.workerpool), 0x12);
        _demand(Signatures.accepts(app.datasetrestrict, dataset.dataset), 0x13);
        _demand(Signatures.accepts(app.workerpoolrestrict, workerpool.workerpool), 0x14);
        _demand(Signatures.accepts(app.requesterrestrict, request.requester), 0x15);
        if (hasDataset) {
            _demand(Signatures.accepts(dataset.apprestrict, app.app), 0x16);
            _demand(Signatures.accepts(dataset.workerpoolrestrict, workerpool.workerpool), 0x17);
            _demand(Signatures.accepts(dataset.requesterrestrict, request.requester), 0x18);
        }
        _demand(Signatures.accepts(workerpool.apprestrict, app.app), 0x19);
        _demand(Signatures.accepts(workerpool.datasetrestrict, dataset.dataset), 0x1a);
        _demand(Signatures.accepts(workerpool.requesterrestrict, request.requester), 0x1b);
    }

    /// Requirements 20 to 41: registration and signatures of the assets.
    function _checkAssets(
        HubStorage.Layout storage $,
        Match memory m,
        AppOrder calldata app,
        DatasetOrder calldata dataset,
        WorkerpoolOrder calldata workerpool
    ) private view {
        m.appOwner = _registeredOwner($.appRegistry, app.app, 0x20);
        m.appWord = $.orders[m.appHash];
        _demand(OrderBook.isSigned(m.appWord, m.appOwner, m.appHash, app.sign), 0x21);
        if (m.hasDataset) {
            m.datasetOwner = _registeredOwner($.datasetRegistry, dataset.dataset, 0x30);
            m.datasetWord = $.orders[m.datasetHash];
            _demand(OrderBook.isSigned(m.datasetWord, m.datasetOwner, m.datasetHash, dataset.sign), 0x31);
        }
        _findWorkerpool($.workerpoolRegistry, m, workerpool.workerpool);
        m.workerpoolWord = $.orders[m.workerpoolHash];
        _demand(
            OrderBook.isSigned(m.workerpoolWord, m.workerpoolOwner, m.workerpoolHash, workerpool.sign), 0x41
        );
    }

    /// Owner of an asset that must be registered. An asset registered right in `registry` belongs to the holder of its
    /// token, so that one call tells both; otherwise each is asked separately, which gives failures their form.
    function _registeredOwner(address registry, address asset, uint256 code) private view returns (address owner) {
        bool found;
        (found, owner,,) = _ask(registry, abi.encodeCall(IRegistry(registry).ownerOf, (uint160(asset))), 32);
        if (!found) owner = _foreignOwner(registry, asset, code);
    }

    /// The same for a workerpool, whose registry also knows its policies.
    function _findWorkerpool(address registry, Match memory m, address workerpool) private view {
        (m.hasRatios, m.workerpoolOwner, m.workerStakeRatio, m.schedulerRewardRatio) =
            _ask(registry, abi.encodeCall(IWorkerpoolRegistry.termsOf, (workerpool)), 96);
        if (!m.hasRatios) m.workerpoolOwner = _foreignOwner(registry, workerpool, 0x40);
    }

    /// Owner of an asset that an earlier registry, or one of another make, may know.
    function _foreignOwner(address registry, address asset, uint256 code) private view returns (address owner) {
        if (_readsOwnerFirst()) owner = IAsset(asset).owner();
        _demand(IRegistry(registry).isRegistered(asset), code);
        if (!_readsOwnerFirst()) owner = IAsset(asset).owner();
    }

    /// A static call that must answer at least `size` bytes, the first word of which is an address other than zero.
    function _ask(address target, bytes memory data, uint256 size)
        private
        view
        returns (bool found, address owner, uint256 second, uint256 third)
    {
        assembly ("memory-safe") {
            let free := mload(0x40)
            found := staticcall(gas(), target, add(data, 0x20), mload(data), free, size)
            found := and(found, iszero(lt(returndatasize(), size)))
            let word := mload(free)
            found := and(found, and(iszero(shr(160, word)), iszero(iszero(word))))
            if found {
                owner := word
                if gt(size, 0x20) {
                    second := mload(add(free, 0x20))
                    third := mload(add(free, 0x40))
                }
            }
        }
    }

    /// A guarded requester pays only for matches that it makes itself, directly or through a deposit.
    function _checkGuard(HubStorage.Layout storage $, address requester) private view {
        if (!$.isGuarded(requester) || msg.sender == requester) return;
        bytes32 slot = ACTING_REQUESTER;
        address acting;
        assembly ("memory-safe") {
            acting := tload(slot)
        }
        if (acting != requester) revert IMatching.MatchGuarded(requester);
    }

    function _volume(
        HubStorage.Layout storage $,
        Match memory m,
        uint256 app,
        uint256 dataset,
        uint256 workerpool,
        uint256 request
    ) private view returns (uint256 volume) {
        volume = app - $.consumed(m.appHash, m.appWord);
        if (m.hasDataset) volume = _min(volume, dataset - $.consumed(m.datasetHash, m.datasetWord));
        volume = _min(volume, workerpool - $.consumed(m.workerpoolHash, m.workerpoolWord));
        volume = _min(volume, request - m.botFirst);
    }

    function _min(uint256 a, uint256 b) private pure returns (uint256) {
        return a < b ? a : b;
    }
}
