// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAccessors} from "./IAccessors.sol";
import {IBoost} from "./IBoost.sol";
import {IConfiguration} from "./IConfiguration.sol";
import {IEscrow} from "./IEscrow.sol";
import {ILegacyAccessors} from "./ILegacyAccessors.sol";
import {ILoupe} from "./ILoupe.sol";
import {IMatching} from "./IMatching.sol";
import {IOrders} from "./IOrders.sol";
import {IStakedRlc} from "./IStakedRlc.sol";
import {ITasks} from "./ITasks.sol";

/// Everything that the hub's address answers to.
interface IHub is
    IAccessors,
    IBoost,
    IConfiguration,
    IEscrow,
    ILegacyAccessors,
    ILoupe,
    IMatching,
    IOrders,
    IStakedRlc,
    ITasks
{}
