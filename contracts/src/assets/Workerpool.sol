// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IWorkerpool} from "../interfaces/IAsset.sol";
import {IWorkerpoolRegistry} from "../interfaces/IRegistry.sol";
import {Asset} from "./Asset.sol";

/// A workerpool. Its one field is the description; its policies stand in the registry, next to the owner.
contract Workerpool is Asset, IWorkerpool {
    /// Ten times the workerpool price, in percent.
    uint256 private constant STAKE_RATIO_MAX = 1000;
    uint256 private constant REWARD_RATIO_MAX = 100;

    function initialize(string calldata) external pure {
        revert("already initialized");
    }

    function changePolicy(uint256 newWorkerStakeRatioPolicy, uint256 newSchedulerRewardRatioPolicy)
        external
        onlyOwner
    {
        require(newSchedulerRewardRatioPolicy <= REWARD_RATIO_MAX);
        if (newWorkerStakeRatioPolicy > STAKE_RATIO_MAX) revert WorkerStakeRatioTooHigh(newWorkerStakeRatioPolicy);
        (uint256 oldStake, uint256 oldReward) = _terms();
        emit PolicyUpdate(oldStake, newWorkerStakeRatioPolicy, oldReward, newSchedulerRewardRatioPolicy);
        IWorkerpoolRegistry(REGISTRY).setTerms(newWorkerStakeRatioPolicy, newSchedulerRewardRatioPolicy);
    }

    function m_workerpoolDescription() external view returns (string memory) {
        return string(_field(0, 0));
    }

    function m_workerStakeRatioPolicy() external view returns (uint256 ratio) {
        (ratio,) = _terms();
    }

    function m_schedulerRewardRatioPolicy() external view returns (uint256 ratio) {
        (, ratio) = _terms();
    }

    function _terms() private view returns (uint256 stakeRatio, uint256 rewardRatio) {
        (, stakeRatio, rewardRatio) = IWorkerpoolRegistry(REGISTRY).termsOf(address(this));
    }
}
