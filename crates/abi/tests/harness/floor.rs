//! The gas that a transaction cannot save with this storage layout: what it is sent with, the slots and accounts that it
//! touches, its logs, the code that it leaves and the signatures that it checks. What is above is the contracts' own work.

use alloy_primitives::{Address, Bytes, Log};
use revm::Inspector;
use revm::interpreter::{CallInputs, CallOutcome};
use revm::state::EvmState;

/// Gas of each transaction.
const TRANSACTION: u64 = 21_000;
/// Of a slot that had no value, that changes its value, and that is read, each for the first time (EIP-2929).
const SLOT: [u64; 3] = [22_100, 5_000, 2_100];
/// Given back for a slot that has no value any more (EIP-3529), and the part of all gas that this may be.
const CLEARED: u64 = 4_800;
const REFUND_SHARE: u64 = 5;
/// Of a log, of each of its topics, and of each byte.
const LOG: [u64; 3] = [375, 375, 8];
/// Of a created contract, and of each byte of its code.
const CODE: [u64; 2] = [32_000, 200];
/// Of a signature recovery.
const RECOVERY: u64 = 3_000;
/// Of an account that is touched for the first time.
const ACCOUNT: u64 = 2_600;
/// The contract that recovers signatures.
const ECRECOVER: Address = Address::with_last_byte(1);
/// Every account up to this one is built in, and is never cold.
const BUILT_IN_MAX: u16 = 0x100;

/// What a transaction has to pay for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Floor {
    /// Gas of its data (EIP-2028).
    pub calldata: u64,
    /// Slots that had no value before.
    pub slots_new: u64,
    /// Slots with another value than before.
    pub slots_changed: u64,
    /// Of these, slots that have none any more.
    pub slots_cleared: u64,
    /// Slots that were read alone.
    pub slots_read: u64,
    /// Gas of its logs.
    pub logs: u64,
    /// Contracts created, and the bytes of their code together.
    pub contracts: u64,
    pub code_bytes: u64,
    /// Signatures recovered.
    pub recoveries: u64,
    /// Accounts beside the sender's and the called one.
    pub accounts: u64,
}

impl Floor {
    pub fn of(from: Address, to: Option<Address>, data: &Bytes, logs: &[Log], end: &End) -> Self {
        let mut floor = Self { calldata: calldata(data), recoveries: end.recoveries, ..Self::default() };
        for log in logs {
            let (topics, bytes) = (log.topics().len() as u64, log.data.data.len() as u64);
            floor.logs += LOG[0] + LOG[1] * topics + LOG[2] * bytes;
        }
        for (address, account) in &end.state {
            if account.is_created() {
                floor.contracts += 1;
                floor.code_bytes += account.info.code.as_ref().map_or(0, |code| code.len()) as u64;
            } else if *address != from && Some(*address) != to && !is_built_in(*address) {
                floor.accounts += 1;
            }
            for slot in account.storage.values() {
                match (slot.original_value.is_zero(), slot.present_value == slot.original_value) {
                    (_, true) => floor.slots_read += 1,
                    (true, false) => floor.slots_new += 1,
                    (false, false) => floor.slots_changed += 1,
                }
                floor.slots_cleared +=
                    u64::from(!slot.original_value.is_zero() && slot.present_value.is_zero());
            }
        }
        floor
    }

    /// All of it, refunds deducted.
    pub fn gas(&self) -> u64 {
        let slots = SLOT[0] * self.slots_new + SLOT[1] * self.slots_changed + SLOT[2] * self.slots_read;
        let code = CODE[0] * self.contracts + CODE[1] * self.code_bytes;
        let calls = RECOVERY * self.recoveries + ACCOUNT * self.accounts;
        let sum = TRANSACTION + self.calldata + slots + self.logs + code + calls;
        sum - (CLEARED * self.slots_cleared).min(sum / REFUND_SHARE)
    }
}

/// Gas of sending data (EIP-2028).
pub fn calldata(data: &[u8]) -> u64 {
    data.iter().map(|byte| if *byte == 0 { 4 } else { 16 }).sum()
}

/// The block's beneficiary here is the zero address, which is never cold either.
fn is_built_in(address: Address) -> bool {
    address.into_word().0[..30].iter().all(|byte| *byte == 0)
        && u16::from_be_bytes([address[18], address[19]]) <= BUILT_IN_MAX
}

/// How a transaction left the chain.
pub struct End {
    pub state: EvmState,
    pub recoveries: u64,
}

/// Counts signature recoveries.
#[derive(Default)]
pub struct Recoveries(pub u64);

impl<C> Inspector<C> for Recoveries {
    fn call(&mut self, _: &mut C, inputs: &mut CallInputs) -> Option<CallOutcome> {
        self.0 += u64::from(inputs.bytecode_address == ECRECOVER);
        None
    }
}
