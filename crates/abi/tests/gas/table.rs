//! What was measured, beside the reference's figures.

use serde_json::{Value, json};

use crate::harness::Done;
use crate::harness::floor::Floor;

/// What an operation costs: gas as in receipts (refunds are deducted), and its floor if it is one transaction.
pub(crate) struct Cost {
    gas: u64,
    floor: Option<Floor>,
}

impl From<u64> for Cost {
    fn from(gas: u64) -> Self {
        Self { gas, floor: None }
    }
}

impl From<&Done> for Cost {
    fn from(done: &Done) -> Self {
        Self { gas: done.gas, floor: Some(done.floor.clone()) }
    }
}

/// One line of the table.
struct Row {
    operation: &'static str,
    cost: Cost,
    reference: u64,
    /// Most that may be used, in hundredths of the reference's gas.
    bound_percent: u64,
}

#[derive(Default)]
pub(crate) struct Table(Vec<Row>);

impl Table {
    pub(crate) fn add(
        &mut self,
        operation: &'static str,
        cost: impl Into<Cost>,
        reference: u64,
        bound_percent: u64,
    ) {
        self.0.push(Row { operation, cost: cost.into(), reference, bound_percent });
    }

    pub(crate) fn over_their_bounds(&self) -> Vec<&'static str> {
        let over = |row: &&Row| row.cost.gas * 100 > row.reference * row.bound_percent;
        self.0.iter().filter(over).map(|row| row.operation).collect()
    }

    /// Operations whose floor is no floor: above what was measured.
    pub(crate) fn below_their_floors(&self) -> Vec<&'static str> {
        let below = |row: &&Row| row.cost.floor.as_ref().is_some_and(|floor| floor.gas() > row.cost.gas);
        self.0.iter().filter(below).map(|row| row.operation).collect()
    }

    /// `[{operation, gas, reference, ratio, bound, floor}]`; ratios rounded up to thousandths.
    pub(crate) fn to_json(&self) -> Value {
        let row = |row: &Row| {
            let ratio = (row.cost.gas * 1_000).div_ceil(row.reference) as f64 / 1_000.0;
            json!({
                "operation": row.operation,
                "gas": row.cost.gas,
                "reference": row.reference,
                "ratio": ratio,
                "bound": row.bound_percent as f64 / 100.0,
                "floor": row.cost.floor.as_ref().map(floor_json),
            })
        };
        Value::Array(self.0.iter().map(row).collect())
    }
}

fn floor_json(floor: &Floor) -> Value {
    json!({
        "gas": floor.gas(),
        "calldata": floor.calldata,
        "slots": {
            "new": floor.slots_new,
            "changed": floor.slots_changed,
            "cleared": floor.slots_cleared,
            "read": floor.slots_read,
        },
        "logs": floor.logs,
        "contracts": floor.contracts,
        "codeBytes": floor.code_bytes,
        "recoveries": floor.recoveries,
        "accounts": floor.accounts,
    })
}
