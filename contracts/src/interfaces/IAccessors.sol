// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AppInfo, Contribution, DatasetInfo, Deal, Task, WorkerpoolInfo} from "../types/Records.sol";

/// Read access to deals, tasks and assets. Unknown identifiers give zero values.
interface IAccessors {
    function viewDeal(bytes32 dealId) external view returns (Deal memory);
    function viewTask(bytes32 taskId) external view returns (Task memory);
    function viewContribution(bytes32 taskId, address worker) external view returns (Contribution memory);
    function viewScore(address worker) external view returns (uint256);

    /// ERC-1154: the callback data of a completed task, else `task-pending`.
    function resultFor(bytes32 taskId) external view returns (bytes memory);

    /// Owner and fields of an asset, read from its contract; registration is not checked.
    function viewApp(address app) external view returns (AppInfo memory);
    function viewDataset(address dataset) external view returns (DatasetInfo memory);
    function viewWorkerpool(address workerpool) external view returns (WorkerpoolInfo memory);

    function contribution_deadline_ratio() external view returns (uint256);
    function reveal_deadline_ratio() external view returns (uint256);
    function final_deadline_ratio() external view returns (uint256);
    function workerpool_stake_ratio() external view returns (uint256);
    function kitty_ratio() external view returns (uint256);
    function kitty_min() external view returns (uint256);
    function kitty_address() external view returns (address);
    function groupmember_purpose() external view returns (uint256);
}
