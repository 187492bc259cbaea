// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Workerpool} from "../assets/Workerpool.sol";
import {IWorkerpool} from "../interfaces/IAsset.sol";
import {IWorkerpoolRegistry} from "../interfaces/IRegistry.sol";
import {Registry} from "./Registry.sol";

/// Registry of workerpools. The note of a token holds the policies: stake ratio in bits 0-15, reward ratio in 16-23.
contract WorkerpoolRegistry is Registry, IWorkerpoolRegistry {
    uint256 private constant STAKE_RATIO_DEFAULT = 30;
    uint256 private constant REWARD_RATIO_DEFAULT = 1;

    constructor(address owner_, string memory baseURI_)
        Registry(owner_, address(new Workerpool()), "iExec Workerpool Registry (V5)", "iExecWorkerpoolV5", baseURI_)
    {}

    function createWorkerpool(address holder, string calldata description) external returns (address) {
        return _create(
            holder,
            abi.encodeCall(IWorkerpool.initialize, (description)),
            _sized(bytes(description)),
            _note(STAKE_RATIO_DEFAULT, REWARD_RATIO_DEFAULT)
        );
    }

    function predictWorkerpool(address holder, string calldata description) external view returns (address) {
        return _predict(holder, abi.encodeCall(IWorkerpool.initialize, (description)));
    }

    function setTerms(uint256 workerStakeRatio, uint256 schedulerRewardRatio) external {
        if (!_exists(uint160(msg.sender))) revert CallerIsNotAWorkerpool(msg.sender);
        _setNote(uint160(msg.sender), _note(workerStakeRatio, schedulerRewardRatio));
    }

    function termsOf(address workerpool) external view returns (address holder, uint256 stake, uint256 reward) {
        uint256 note;
        (holder, note) = _holderAndNote(uint160(workerpool));
        stake = uint16(note); // bits 0-15
        reward = uint8(note >> 16); // bits 16-23
    }

    /// Workerpools keep both within 1000 and 100.
    function _note(uint256 stakeRatio, uint256 rewardRatio) private pure returns (uint256) {
        return stakeRatio | (rewardRatio << 16);
    }
}
