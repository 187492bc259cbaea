// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// The accessors of older clients: the same records with flat outputs.
interface ILegacyAccessors {
    function viewAccountABILegacy(address account) external view returns (uint256 stake, uint256 locked);

    function viewDealABILegacy_pt1(bytes32 dealId)
        external
        view
        returns (
            address appPointer,
            address appOwner,
            uint256 appPrice,
            address datasetPointer,
            address datasetOwner,
            uint256 datasetPrice,
            address workerpoolPointer,
            address workerpoolOwner,
            uint256 workerpoolPrice
        );

    function viewDealABILegacy_pt2(bytes32 dealId)
        external
        view
        returns (
            uint256 trust,
            bytes32 tag,
            address requester,
            address beneficiary,
            address callback,
            string memory params
        );

    function viewConfigABILegacy(bytes32 dealId)
        external
        view
        returns (
            uint256 category,
            uint256 startTime,
            uint256 botFirst,
            uint256 botSize,
            uint256 workerStake,
            uint256 schedulerRewardRatio
        );

    function viewTaskABILegacy(bytes32 taskId)
        external
        view
        returns (
            uint8 status,
            bytes32 dealid,
            uint256 idx,
            uint256 timeref,
            uint256 contributionDeadline,
            uint256 revealDeadline,
            uint256 finalDeadline,
            bytes32 consensusValue,
            uint256 revealCounter,
            uint256 winnerCounter,
            address[] memory contributors,
            bytes memory results
        );

    function viewContributionABILegacy(bytes32 taskId, address worker)
        external
        view
        returns (uint8 status, bytes32 resultHash, bytes32 resultSeal, address enclaveChallenge);

    function viewCategoryABILegacy(uint256 categoryId)
        external
        view
        returns (string memory name, string memory description, uint256 workClockTimeRef);
}
