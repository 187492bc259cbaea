//! What was measured, beside the reference's figures.

use serde_json::{Value, json};

/// One line of the table. Gas as in receipts: refunds are deducted.
struct Row {
    operation: &'static str,
    gas: u64,
    reference: u64,
    /// Most that may be used, in hundredths of the reference's gas.
    bound_percent: u64,
}

#[derive(Default)]
pub(crate) struct Table(Vec<Row>);

impl Table {
    pub(crate) fn add(&mut self, operation: &'static str, gas: u64, reference: u64, bound_percent: u64) {
        self.0.push(Row { operation, gas, reference, bound_percent });
    }

    pub(crate) fn over_their_bounds(&self) -> Vec<&'static str> {
        let over = |row: &&Row| row.gas * 100 > row.reference * row.bound_percent;
        self.0.iter().filter(over).map(|row| row.operation).collect()
    }

    /// `[{operation, gas, reference, ratio, bound}]`; ratios rounded up to thousandths.
    pub(crate) fn to_json(&self) -> Value {
        let row = |row: &Row| {
            let ratio = (row.gas * 1_000).div_ceil(row.reference) as f64 / 1_000.0;
            json!({
                "operation": row.operation,
                "gas": row.gas,
                "reference": row.reference,
                "ratio": ratio,
                "bound": row.bound_percent as f64 / 100.0,
            })
        };
        Value::Array(self.0.iter().map(row).collect())
    }
}
