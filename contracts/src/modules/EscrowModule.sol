// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IEscrow} from "../interfaces/IEscrow.sol";
import {IMatching} from "../interfaces/IMatching.sol";
import {IStakedRlc} from "../interfaces/IStakedRlc.sol";
import {AppOrder, DatasetOrder, RequestOrder, WorkerpoolOrder} from "../types/Orders.sol";
import {Account} from "../types/Records.sol";
import {ACTING_REQUESTER, TOKENS_MOVED} from "../libraries/Constants.sol";
import {HubStorage} from "../libraries/HubStorage.sol";
import {Ledger} from "../libraries/Ledger.sol";

/// Receiver of `approveAndCall`.
interface IApprovalReceiver {
    function receiveApproval(address from, uint256 value, address token, bytes calldata extraData)
        external
        returns (bool);
}

/// Deposits, withdrawals and the hub as an ERC-20.
contract EscrowModule is IEscrow, IStakedRlc {
    using Ledger for HubStorage.Layout;

    function deposit(uint256 amount) external returns (bool) {
        HubStorage.Layout storage $ = HubStorage.load();
        _pull($, msg.sender, amount);
        $.mint(msg.sender, amount);
        return true;
    }

    function depositFor(uint256 amount, address target) external returns (bool) {
        _depositFor(HubStorage.load(), amount, target);
        return true;
    }

    function depositForArray(uint256[] calldata amounts, address[] calldata targets) external returns (bool) {
        if (amounts.length != targets.length) revert("invalid-array-length");
        HubStorage.Layout storage $ = HubStorage.load();
        for (uint256 i = 0; i < amounts.length; ++i) {
            _depositFor($, amounts[i], targets[i]);
        }
        return true;
    }

    function withdraw(uint256 amount) external returns (bool) {
        _withdraw(amount, msg.sender);
        return true;
    }

    function withdrawTo(uint256 amount, address target) external returns (bool) {
        _withdraw(amount, target);
        return true;
    }

    function recover() external returns (uint256 delta) {
        HubStorage.Layout storage $ = HubStorage.load();
        if (msg.sender != $.owner) revert("Ownable: caller is not the owner");
        if (_haveTokensMoved()) revert TokensInMotion();
        delta = IERC20($.baseToken).balanceOf(address(this)) - $.totalSupply;
        $.mint(msg.sender, delta);
    }

    function receiveApproval(address sender, uint256 amount, address token_, bytes calldata data)
        external
        returns (bool)
    {
        HubStorage.Layout storage $ = HubStorage.load();
        if (token_ != $.baseToken) revert("wrong-token");
        if (msg.sender != token_) revert CallerIsNotTheToken();
        _pull($, sender, amount);
        $.mint(sender, amount);
        if (data.length != 0) _match(sender, data);
        return true;
    }

    function setMatchGuard(bool enabled) external {
        HubStorage.load().setGuard(msg.sender, enabled);
        emit MatchGuardUpdated(msg.sender, enabled);
    }

    function transfer(address recipient, uint256 amount) external returns (bool) {
        _transfer(HubStorage.load(), msg.sender, recipient, amount);
        return true;
    }

    function approve(address spender, uint256 value) external returns (bool) {
        _approve(HubStorage.load(), msg.sender, spender, value);
        return true;
    }

    function transferFrom(address sender, address recipient, uint256 amount) external returns (bool) {
        HubStorage.Layout storage $ = HubStorage.load();
        _transfer($, sender, recipient, amount);
        _approve($, sender, msg.sender, _reduced($, sender, msg.sender, amount));
        return true;
    }

    function increaseAllowance(address spender, uint256 addedValue) external returns (bool) {
        HubStorage.Layout storage $ = HubStorage.load();
        _approve($, msg.sender, spender, $.allowances[msg.sender][spender] + addedValue);
        return true;
    }

    function decreaseAllowance(address spender, uint256 subtractedValue) external returns (bool) {
        HubStorage.Layout storage $ = HubStorage.load();
        _approve($, msg.sender, spender, _reduced($, msg.sender, spender, subtractedValue));
        return true;
    }

    function approveAndCall(address spender, uint256 value, bytes calldata extraData) external returns (bool) {
        _approve(HubStorage.load(), msg.sender, spender, value);
        bool accepted = IApprovalReceiver(spender).receiveApproval(msg.sender, value, address(this), extraData);
        if (!accepted) revert("approval-refused");
        return true;
    }

    function _depositFor(HubStorage.Layout storage $, uint256 amount, address target) private {
        _pull($, msg.sender, amount);
        if (target == address(0)) revert("ERC20: mint to the zero address");
        if (target == address(this)) revert HubCannotReceive();
        $.mint(target, amount);
    }

    function _pull(HubStorage.Layout storage $, address from, uint256 amount) private {
        _noteMove();
        if (!IERC20($.baseToken).transferFrom(from, address(this), amount)) revert("failed-transferFrom");
    }

    function _withdraw(uint256 amount, address target) private {
        HubStorage.Layout storage $ = HubStorage.load();
        $.burn(msg.sender, amount);
        _noteMove();
        if (!IERC20($.baseToken).transfer(target, amount)) revert TransferFailed();
    }

    function _transfer(HubStorage.Layout storage $, address from, address to, uint256 amount) private {
        if (from == address(0)) revert("ERC20: transfer from the zero address");
        if (to == address(0)) revert("ERC20: transfer to the zero address");
        if (to == address(this)) revert HubCannotReceive();
        $.transfer(from, to, amount);
    }

    function _approve(HubStorage.Layout storage $, address account, address spender, uint256 value) private {
        if (account == address(0)) revert("ERC20: approve from the zero address");
        if (spender == address(0)) revert("ERC20: approve to the zero address");
        $.allowances[account][spender] = value;
        emit Approval(account, spender, value);
    }

    /// The allowance less `value`; reverts without data when it is short.
    function _reduced(HubStorage.Layout storage $, address account, address spender, uint256 value)
        private
        view
        returns (uint256)
    {
        uint256 current = $.allowances[account][spender];
        require(current >= value);
        unchecked {
            return current - value; // checked on the line above
        }
    }

    /// Runs the `matchOrders` call in `data` as the hub, for `sender`, who must be its requester.
    function _match(address sender, bytes calldata data) private {
        require(data.length >= 4);
        bytes4 selector = bytes4(data);
        if (selector != IMatching.matchOrders.selector) revert UnsupportedOperation(selector);
        // Decoding to memory validates the whole of it, as the call below would only do in part.
        (,,, RequestOrder memory request) =
            abi.decode(data[4:], (AppOrder, DatasetOrder, WorkerpoolOrder, RequestOrder));
        if (request.requester != sender) revert CallerIsNotTheRequester();
        _act(sender);
        (bool done, bytes memory answer) = address(this).delegatecall(data);
        _act(address(0));
        if (done) return;
        if (answer.length == 0) revert OperationFailed();
        assembly ("memory-safe") {
            revert(add(answer, 0x20), mload(answer))
        }
    }

    /// From here to the end of the transaction the token may call back while what the hub holds and the supply differ.
    function _noteMove() private {
        bytes32 slot = TOKENS_MOVED;
        assembly ("memory-safe") {
            tstore(slot, 1)
        }
    }

    function _haveTokensMoved() private view returns (bool moved) {
        bytes32 slot = TOKENS_MOVED;
        assembly ("memory-safe") {
            moved := tload(slot)
        }
    }

    /// Tells the matching module on whose behalf it is called.
    function _act(address requester) private {
        bytes32 slot = ACTING_REQUESTER;
        assembly ("memory-safe") {
            tstore(slot, requester)
        }
    }

    function token() external view returns (address) {
        return HubStorage.load().baseToken;
    }

    function matchGuard(address requester) external view returns (bool) {
        return HubStorage.load().isGuarded(requester);
    }

    function frozenOf(address account) external view returns (uint256) {
        return HubStorage.load().frozenOf(account);
    }

    function viewAccount(address account) external view returns (Account memory) {
        HubStorage.Layout storage $ = HubStorage.load();
        return Account({stake: $.balanceOf(account), locked: $.frozenOf(account)});
    }

    function name() external view returns (string memory) {
        return HubStorage.load().name;
    }

    function symbol() external view returns (string memory) {
        return HubStorage.load().symbol;
    }

    function decimals() external view returns (uint8) {
        return HubStorage.load().decimals;
    }

    function totalSupply() external view returns (uint256) {
        return HubStorage.load().totalSupply;
    }

    function balanceOf(address account) external view returns (uint256) {
        return HubStorage.load().balanceOf(account);
    }

    function allowance(address account, address spender) external view returns (uint256) {
        return HubStorage.load().allowances[account][spender];
    }
}
