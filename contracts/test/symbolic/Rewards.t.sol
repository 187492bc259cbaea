// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {KITTY_MIN} from "../../src/libraries/Constants.sol";
import {Settlement} from "../../src/libraries/Settlement.sol";

/// For halmos: rewards. Solvers find no end with the quotients of a distribution, not even with those of 16-bit prices;
/// test/fuzz/Settlement.t.sol tries them at full width.
contract RewardsCheck {
    /// A success takes some of any kitty, at least the minimum if it has that, and never more than it has.
    function check_kittyFraction(uint96 kitty) external pure {
        uint256 part = Settlement.kittyFraction(kitty);
        assert(part <= kitty);
        assert(part >= KITTY_MIN || part == kitty);
    }
}
