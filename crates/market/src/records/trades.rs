//! Deals as trades: what a task of a category cost, how many there were, and when. A deal that a block took back is not
//! among them any more, so that everything here follows the chain.

use futures::TryStreamExt as _;
use metacloud_store::StoreError;
use metacloud_wire::SafeUint;
use metacloud_wire::market_data::{Candle, Trade};

use super::{Records, damaged, signed, unsigned};

/// Sums over trades. Money is exact: the value has 128 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Traded {
    open: u64,
    high: u64,
    low: u64,
    close: u64,
    deals: u64,
    tasks: u64,
    value: u128,
}

impl Traded {
    const fn first(price: u64) -> Self {
        Self { open: price, high: price, low: price, close: price, deals: 0, tasks: 0, value: 0 }
    }

    fn add(&mut self, price: u64, tasks: u64) {
        self.high = self.high.max(price);
        self.low = self.low.min(price);
        self.close = price;
        self.deals += 1;
        self.tasks = self.tasks.saturating_add(tasks);
        self.value = self.value.saturating_add(u128::from(price) * u128::from(tasks));
    }

    /// As clients see it, from this second on.
    pub(crate) fn candle(&self, start_s: u64) -> Candle {
        // No task, no average: such a deal cannot be made, but a division must not depend on that.
        let average = self.value.checked_div(u128::from(self.tasks)).unwrap_or(0);
        let number =
            |number: u64| SafeUint::new(number.min(metacloud_wire::SAFE_UINT_MAX)).unwrap_or_default();
        Candle {
            start_s,
            open: number(self.open),
            high: number(self.high),
            low: number(self.low),
            close: number(self.close),
            volume: number(self.tasks),
            deals: self.deals,
            average: number(u64::try_from(average).unwrap_or(u64::MAX)),
        }
    }
}

impl Records {
    /// Trades of a category from `from_s` until before `to_s`, together for each `interval_s` that has any, oldest first.
    /// Intervals begin at multiples of their length.
    pub(crate) async fn traded(
        &self,
        category: u64,
        interval_s: u64,
        from_s: u64,
        to_s: u64,
    ) -> Result<Vec<(u64, Traded)>, StoreError> {
        assert!(interval_s > 0, "an interval has a length");
        let mut rows = sqlx::query_as::<_, (i64, i64, i64)>(
            "SELECT time_s, price, tasks FROM deal WHERE category = ? AND time_s >= ? AND time_s < ? \
             ORDER BY time_s, block_number, id",
        )
        .bind(signed(category))
        .bind(signed(from_s))
        .bind(signed(to_s))
        .fetch(self.database.reader());
        let mut traded: Vec<(u64, Traded)> = Vec::new();
        while let Some((time_s, price, tasks)) = rows.try_next().await? {
            let (time_s, price, tasks) = (unsigned(time_s)?, unsigned(price)?, unsigned(tasks)?);
            let start_s = time_s / interval_s * interval_s;
            if traded.last().is_none_or(|(last, _)| *last != start_s) {
                traded.push((start_s, Traded::first(price)));
            }
            let (_, sums) = traded.last_mut().expect("one was just added if there was none");
            sums.add(price, tasks);
        }
        Ok(traded)
    }

    /// When the newest trade of a category was; `None` without trades.
    pub(crate) async fn last_traded_s(&self, category: u64) -> Result<Option<u64>, StoreError> {
        let newest: Option<i64> = sqlx::query_scalar("SELECT max(time_s) FROM deal WHERE category = ?")
            .bind(signed(category))
            .fetch_one(self.database.reader())
            .await?;
        newest.map(unsigned).transpose()
    }

    /// One page of the trades of a category, newest first, and how many there are in all.
    pub(crate) async fn trades(
        &self,
        category: u64,
        skip: u64,
        take: u32,
    ) -> Result<(u64, Vec<Trade>), StoreError> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM deal WHERE category = ?")
            .bind(signed(category))
            .fetch_one(self.database.reader())
            .await?;
        let rows: Vec<(Vec<u8>, i64, i64, i64, i64)> = sqlx::query_as(
            "SELECT id, price, tasks, time_s, block_number FROM deal WHERE category = ? \
             ORDER BY time_s DESC, block_number DESC, id DESC LIMIT ? OFFSET ?",
        )
        .bind(signed(category))
        .bind(take)
        .bind(signed(skip))
        .fetch_all(self.database.reader())
        .await?;
        let number =
            |number: i64| SafeUint::new(unsigned(number)?).ok_or_else(|| damaged("a number above 2^53 - 1"));
        let trades = rows.into_iter().map(|(id, price, tasks, time_s, block_number)| {
            Ok(Trade {
                dealid: id[..].try_into().map_err(|_| damaged("a short hash"))?,
                price: number(price)?,
                volume: number(tasks)?,
                time_s: unsigned(time_s)?,
                block_number: unsigned(block_number)?,
            })
        });
        Ok((unsigned(count)?, trades.collect::<Result<_, StoreError>>()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_average_weighs_by_tasks_and_large_sums_are_exact() {
        let mut sums = Traded::first(10);
        for (price, tasks) in [(10, 1), (40, 3), (5, 1)] {
            sums.add(price, tasks);
        }
        let candle = sums.candle(60);
        let figures = [candle.open, candle.high, candle.low, candle.close, candle.volume, candle.average];
        assert_eq!(figures.map(|figure| figure.get()), [10, 40, 5, 5, 5, 27], "135 for 5 tasks");
        assert_eq!((candle.start_s, candle.deals), (60, 3));
        let mut large = Traded::first(metacloud_wire::SAFE_UINT_MAX);
        for _ in 0..3 {
            large.add(metacloud_wire::SAFE_UINT_MAX, metacloud_wire::SAFE_UINT_MAX);
        }
        assert_eq!(large.candle(0).average.get(), metacloud_wire::SAFE_UINT_MAX);
    }
}
