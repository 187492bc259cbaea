// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAccessors} from "../interfaces/IAccessors.sol";
import {IApp, IDataset, IWorkerpool} from "../interfaces/IAsset.sol";
import {AppInfo, Contribution, DatasetInfo, Deal, Task, TaskStatus, WorkerpoolInfo} from "../types/Records.sol";
import "../libraries/Constants.sol" as Constants;
import {DealViews} from "../libraries/DealViews.sol";
import {HubStorage} from "../libraries/HubStorage.sol";
import {Ledger} from "../libraries/Ledger.sol";
import {TaskViews} from "../libraries/TaskViews.sol";
import {TaskWords} from "../libraries/TaskWords.sol";

/// Read access to deals, tasks, scores, assets and constants.
contract AccessorsModule is IAccessors {
    using Ledger for HubStorage.Layout;

    function viewDeal(bytes32 dealId) external view returns (Deal memory) {
        return DealViews.viewDeal(dealId);
    }

    function viewTask(bytes32 taskId) external view returns (Task memory) {
        return TaskViews.viewTask(taskId);
    }

    function viewContribution(bytes32 taskId, address worker) external view returns (Contribution memory) {
        return TaskViews.viewContribution(taskId, worker);
    }

    function viewScore(address worker) external view returns (uint256) {
        return HubStorage.load().scoreOf(worker);
    }

    function resultFor(bytes32 taskId) external view returns (bytes memory) {
        uint256 head = HubStorage.load().tasks[taskId].head;
        if (TaskWords.status(head) != TaskStatus.COMPLETED) revert("task-pending");
        return TaskViews.callbackData(taskId, head);
    }

    function viewApp(address app) external view returns (AppInfo memory) {
        IApp asset = IApp(app);
        return AppInfo({
            owner: asset.owner(),
            m_appName: asset.m_appName(),
            m_appType: asset.m_appType(),
            m_appMultiaddr: asset.m_appMultiaddr(),
            m_appChecksum: asset.m_appChecksum(),
            m_appMREnclave: asset.m_appMREnclave()
        });
    }

    function viewDataset(address dataset) external view returns (DatasetInfo memory) {
        IDataset asset = IDataset(dataset);
        return DatasetInfo({
            owner: asset.owner(),
            m_datasetName: asset.m_datasetName(),
            m_datasetMultiaddr: asset.m_datasetMultiaddr(),
            m_datasetChecksum: asset.m_datasetChecksum()
        });
    }

    function viewWorkerpool(address workerpool) external view returns (WorkerpoolInfo memory) {
        IWorkerpool asset = IWorkerpool(workerpool);
        return WorkerpoolInfo({
            owner: asset.owner(),
            m_workerpoolDescription: asset.m_workerpoolDescription(),
            m_workerStakeRatioPolicy: asset.m_workerStakeRatioPolicy(),
            m_schedulerRewardRatioPolicy: asset.m_schedulerRewardRatioPolicy()
        });
    }

    function contribution_deadline_ratio() external pure returns (uint256) {
        return Constants.CONTRIBUTION_DEADLINE_RATIO;
    }

    function reveal_deadline_ratio() external pure returns (uint256) {
        return Constants.REVEAL_DEADLINE_RATIO;
    }

    function final_deadline_ratio() external pure returns (uint256) {
        return Constants.FINAL_DEADLINE_RATIO;
    }

    function workerpool_stake_ratio() external pure returns (uint256) {
        return Constants.WORKERPOOL_STAKE_RATIO;
    }

    function kitty_ratio() external pure returns (uint256) {
        return Constants.KITTY_RATIO;
    }

    function kitty_min() external pure returns (uint256) {
        return Constants.KITTY_MIN;
    }

    function kitty_address() external pure returns (address) {
        return Constants.KITTY;
    }

    function groupmember_purpose() external pure returns (uint256) {
        return Constants.GROUPMEMBER_PURPOSE;
    }
}
