//! Matches that are made side by side: as many as do not come into each other's way.

use std::collections::{HashMap, VecDeque};

use alloy_primitives::{Address, U256};
use metacloud_chain::{HubClient, Orders};
use metacloud_protocol::deal::WORKERPOOL_STAKE_RATIO;
use metacloud_protocol::{DatasetOrder, Nrlc, OrderHash, RequestOrder, Signed};
use metacloud_store::StoreError;
use metacloud_wire::orders::{AppOrderBody, DatasetOrderBody, WorkerpoolOrderBody};

use super::{Matcher, is_sound, wanted};
use crate::groups;
use crate::records::Row;

/// Matches on their way at the same time. A block has room for more, but each is chosen from the book as it was before.
const MATCHES_AT_ONCE: usize = 16;

/// A request and the offers for it.
pub(super) struct Match {
    pub(super) row: Row,
    pub(super) orders: Orders,
}

/// What a match takes from the book and from escrow.
struct Choice {
    /// Each offer, and what is left of it.
    offers: Vec<(OrderHash, u64)>,
    app: OrderHash,
    dataset: Option<OrderHash>,
    workerpool: OrderHash,
    volume: u64,
    /// Who locks how much.
    locks: [(Address, Option<Nrlc>); 2],
}

/// What the matches of a round take together.
#[derive(Default)]
struct Taken {
    volumes: HashMap<OrderHash, u64>,
    locked: HashMap<Address, Nrlc>,
}

impl Taken {
    /// Whether there is enough left for one match more; takes it then. Who locks a second time is asked for its stake.
    async fn admits(&mut self, choice: &Choice, hub: &HubClient) -> bool {
        for (offer, left) in &choice.offers {
            let taken = self.volumes.get(offer).copied().unwrap_or(0);
            if left.saturating_sub(taken) < choice.volume {
                return false;
            }
        }
        let mut locked = Vec::new();
        for (account, lock) in choice.locks {
            let Some(lock) = lock else { return self.locked.is_empty() };
            let before = self.locked.get(&account).copied();
            let Some(sum) = before.unwrap_or(Nrlc::ZERO).checked_add(lock) else { return false };
            if before.is_some() {
                // What cannot be asked now is tried alone in the next round.
                let covered = hub.view_account(account).await.is_ok_and(|account| account.stake >= sum);
                if !covered {
                    return false;
                }
            }
            locked.push((account, sum));
        }
        self.locked.extend(locked);
        for (offer, _) in &choice.offers {
            *self.volumes.entry(*offer).or_default() += choice.volume;
        }
        true
    }
}

impl Matcher {
    /// Takes the first requests for which there are offers, until one needs what those before it take.
    pub(super) async fn round(
        &self,
        waiting: &mut VecDeque<(Row, Signed<RequestOrder>)>,
    ) -> Result<Vec<Match>, StoreError> {
        let (mut matches, mut taken) = (Vec::new(), Taken::default());
        while matches.len() < MATCHES_AT_ONCE
            && let Some((row, request)) = waiting.pop_front()
        {
            let Some(choice) = self.choose(&row, &request).await else { continue };
            if !matches.is_empty() && !taken.admits(&choice, &self.hub).await {
                waiting.push_front((row, request));
                break;
            }
            if matches.is_empty() {
                // Alone, it is the chain that says whether it can be made.
                taken = Taken::default();
                let _alone = taken.admits(&choice, &self.hub).await;
            }
            if let Some(orders) = self.orders_of(&choice, request).await? {
                matches.push(Match { row, orders });
            }
        }
        Ok(matches)
    }

    /// The best offers for a request; `None` if nothing on the book fits, or what fits is no sound deal.
    async fn choose(&self, row: &Row, request: &Signed<RequestOrder>) -> Option<Choice> {
        let wanted = wanted(&request.order);
        let questions = self.book().questions(&wanted);
        let members = groups::members(self.hub.chain(), questions).await;
        let book = self.book();
        let best = book.best(&wanted, |group, account| members.contains(&(group, account))).ok()?;
        if !is_sound(&wanted, best.app, best.dataset) {
            return None;
        }
        let volume = best.volume.min(row.remaining);
        let tasks = U256::from(volume);
        let computation = Nrlc::new(best.workerpool.price_nrlc);
        let staked =
            computation.checked_percent(WORKERPOOL_STAKE_RATIO).and_then(|one| one.checked_mul(tasks));
        let all = [Some(best.app), best.dataset, Some(best.workerpool)];
        Some(Choice {
            offers: all.into_iter().flatten().map(|listing| (listing.hash, listing.remaining)).collect(),
            app: best.app.hash,
            dataset: best.dataset.map(|dataset| dataset.hash),
            workerpool: best.workerpool.hash,
            volume,
            locks: [
                (request.order.requester, best.price.checked_mul(tasks)),
                (best.workerpool.signer, staked),
            ],
        })
    }

    /// The signed orders of a choice; `None` if one was taken back in this very moment, which wakes the next pass.
    async fn orders_of(
        &self,
        choice: &Choice,
        request: Signed<RequestOrder>,
    ) -> Result<Option<Orders>, StoreError> {
        let app = self.order::<AppOrderBody>(choice.app).await?;
        let workerpool = self.order::<WorkerpoolOrderBody>(choice.workerpool).await?;
        let dataset = match choice.dataset {
            Some(dataset) => self.order::<DatasetOrderBody>(dataset).await?,
            None => Some(Signed::unsigned(DatasetOrder::none())),
        };
        let (Some(app), Some(dataset), Some(workerpool)) = (app, dataset, workerpool) else {
            return Ok(None);
        };
        Ok(Some(Orders { app, dataset, workerpool, request }))
    }
}
