//! Query parameters, parsed with the messages that clients know (http-surface 4.7, 4.11).

use alloy_primitives::{Address, B256};
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use metacloud_book::{Filter, Wanted};
use metacloud_protocol::{OrderKind, Tag};
use metacloud_wire::market::{AddressOrAny, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX, PAGE_SIZE_MIN};
use metacloud_wire::{Checksummed, SAFE_UINT_MAX};

use crate::market::Market;
use crate::refusal::Refusal;

/// Parameters of a request for this market's chain.
pub(super) struct Params(Vec<(String, String)>);

impl FromRequestParts<Market> for Params {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, market: &Market) -> Result<Self, Refusal> {
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        let Query(pairs) = pairs.map_err(|_| Refusal::form("the query cannot be read"))?;
        let params = Self(pairs);
        let chain_id = params.get("chainId").ok_or_else(|| Refusal::required("chainId"))?;
        if chain_id.parse() != Ok(market.chain_id()) {
            let shown: String = chain_id.chars().take(64).collect();
            return Err(Refusal::form(format!("chainId {shown} is not supported")));
        }
        Ok(params)
    }
}

/// A part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) skip: u64,
    pub(super) take: u32,
}

impl Page {
    /// The `nextPage` of an answer: present when this page is full.
    pub(super) fn next(self, length: usize) -> Option<u64> {
        (length == self.take as usize).then(|| self.skip + u64::from(self.take))
    }
}

impl Params {
    #[cfg(test)]
    pub(super) fn of(pairs: &[(&str, &str)]) -> Self {
        Self(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let pair = self.0.iter().find(|(found, _)| found == name)?;
        Some(pair.1.as_str()).filter(|value| !value.is_empty())
    }

    pub(super) fn address(&self, name: &str) -> Result<Option<Address>, Refusal> {
        let address = self.get(name).map(str::parse::<Checksummed>).transpose();
        let address =
            address.map_err(|_| Refusal::form(format!("{name} is not a valid ethereum address")))?;
        Ok(address.map(|address| address.0))
    }

    fn address_or_any(&self, name: &str) -> Result<Option<AddressOrAny>, Refusal> {
        let parsed = self.get(name).map(|text| AddressOrAny::try_from(text.to_owned())).transpose();
        parsed.map_err(|rule| Refusal::form(format!("{name} is {rule}")))
    }

    pub(super) fn hash(&self, name: &str) -> Result<Option<B256>, Refusal> {
        let text = self.get(name);
        let hash = text.map(|text| if text.len() == 66 { text.parse().ok() } else { None });
        match hash {
            None => Ok(None),
            Some(Some(hash)) => Ok(Some(hash)),
            Some(None) => Err(Refusal::form(format!("{name} must be a bytes32 hexstring"))),
        }
    }

    pub(super) fn boolean(&self, name: &str) -> Result<bool, Refusal> {
        match self.get(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Refusal::form(format!("{name} must be a boolean"))),
        }
    }

    pub(super) fn integer(&self, name: &str, min: u64, max: u64) -> Result<Option<u64>, Refusal> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let number: i128 = text.parse().map_err(|_| Refusal::form(format!("{name} must be an integer")))?;
        if number < i128::from(min) {
            return Err(Refusal::form(format!("{name} must be greater than or equal to {min}")));
        }
        match u64::try_from(number) {
            Ok(number) if number <= max => Ok(Some(number)),
            _ => Err(Refusal::form(format!("{name} must be less than or equal to {max}"))),
        }
    }

    pub(super) fn page(&self) -> Result<Page, Refusal> {
        let index = self.integer("pageIndex", 0, u64::from(u32::MAX))?.unwrap_or(0);
        let size = self.integer("pageSize", u64::from(PAGE_SIZE_MIN), u64::from(PAGE_SIZE_MAX))?;
        let take = size.and_then(|size| u32::try_from(size).ok()).unwrap_or(PAGE_SIZE_DEFAULT);
        Ok(Page { skip: index * u64::from(take), take })
    }

    /// What the order book of a kind is filtered by.
    pub(super) fn filter(&self, kind: OrderKind) -> Result<Filter, Refusal> {
        let offers = kind != OrderKind::Request;
        let own = |name| self.own(name);
        let restricted = |name, strict| self.restricted(name, strict);
        let (app, dataset) = match kind {
            OrderKind::App => (own("app")?, restricted("dataset", "isDatasetStrict")?),
            OrderKind::Dataset => (restricted("app", "isAppStrict")?, own("dataset")?),
            OrderKind::Workerpool => {
                (restricted("app", "isAppStrict")?, restricted("dataset", "isDatasetStrict")?)
            }
            OrderKind::Request => (own("app")?, own("dataset")?),
        };
        let workerpool = match kind {
            OrderKind::Workerpool => own("workerpool")?,
            _ => restricted("workerpool", "isWorkerpoolStrict")?,
        };
        let requester =
            if offers { restricted("requester", "isRequesterStrict")? } else { own("requester")? };
        let owner = match kind {
            OrderKind::App => Some(("app", "appOwner")),
            OrderKind::Dataset => Some(("dataset", "datasetOwner")),
            OrderKind::Workerpool => Some(("", "workerpoolOwner")),
            OrderKind::Request => None,
        };
        let mut signer = None;
        if let Some((resource, owner)) = owner {
            if !resource.is_empty() && self.get(resource).is_none() && self.get(owner).is_none() {
                return Err(Refusal::form(format!("{resource} or {owner} is required")));
            }
            signer = match self.address_or_any(owner)? {
                Some(AddressOrAny::Address(signer)) => Some(signer.0),
                Some(AddressOrAny::Any) | None => None,
            };
        }
        let graded = matches!(kind, OrderKind::Workerpool | OrderKind::Request);
        let number = |name, min| self.integer(name, min, SAFE_UINT_MAX);
        Ok(Filter {
            app,
            dataset,
            workerpool,
            requester,
            beneficiary: if offers { Wanted::Any } else { own("beneficiary")? },
            signer,
            category: if graded { number("category", 0)? } else { None },
            min_tag: self.hash("minTag")?.map(Tag),
            max_tag: self.hash("maxTag")?.map(Tag),
            min_volume: number("minVolume", 1)?,
            min_trust: if kind == OrderKind::Workerpool { number("minTrust", 0)? } else { None },
            max_trust: if offers { None } else { number("maxTrust", 0)? },
            bulk_only: kind == OrderKind::Dataset && self.boolean("bulkOnly")?,
        })
    }

    /// A field that the order is about: absent or `any`, no constraint.
    fn own(&self, name: &str) -> Result<Wanted, Refusal> {
        Ok(match self.address_or_any(name)? {
            None | Some(AddressOrAny::Any) => Wanted::Any,
            Some(AddressOrAny::Address(address)) => Wanted::Exactly(address.0),
        })
    }

    /// A field to which the order is restricted: absent, only orders open to anyone.
    fn restricted(&self, name: &str, strict: &str) -> Result<Wanted, Refusal> {
        let strict = self.boolean(strict)?;
        Ok(match self.address_or_any(name)? {
            None => Wanted::Exactly(Address::ZERO),
            Some(AddressOrAny::Any) => Wanted::Any,
            Some(AddressOrAny::Address(address)) if strict => Wanted::Exactly(address.0),
            Some(AddressOrAny::Address(address)) => Wanted::Accepts(address.0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "0x1a642f0E3c3aF545E7AcBD38b07251B3990914F1";

    fn refused(kind: OrderKind, pairs: &[(&str, &str)]) -> String {
        let params = Params::of(pairs);
        let refusal = params.filter(kind).map(drop).and_then(|()| params.page().map(drop)).unwrap_err();
        assert!(matches!(refusal, Refusal::Form(_)));
        refusal.to_string()
    }

    #[test]
    fn refusals_have_the_words_that_clients_know() {
        use OrderKind::{App, Dataset, Request, Workerpool};
        for (kind, pairs, says) in [
            (App, vec![], "app or appOwner is required"),
            (Dataset, vec![("app", "any")], "dataset or datasetOwner is required"),
            (App, vec![("app", "0x12")], "app is neither \"any\" nor a valid ethereum address"),
            (App, vec![("app", A), ("minTag", "0x1")], "minTag must be a bytes32 hexstring"),
            (Workerpool, vec![("pageSize", "9")], "pageSize must be greater than or equal to 10"),
            (Workerpool, vec![("pageSize", "1001")], "pageSize must be less than or equal to 1000"),
            (Workerpool, vec![("pageIndex", "-1")], "pageIndex must be greater than or equal to 0"),
            (Workerpool, vec![("minVolume", "0")], "minVolume must be greater than or equal to 1"),
            (Request, vec![("category", "x")], "category must be an integer"),
            (Dataset, vec![("dataset", A), ("bulkOnly", "yes")], "bulkOnly must be a boolean"),
        ] {
            assert_eq!(refused(kind, &pairs), says);
        }
    }

    #[test]
    fn restrictions_follow_the_table_of_the_specification() {
        let address: Address = A.parse().unwrap();
        let dataset = |pairs: &[(&str, &str)]| {
            let mut pairs = pairs.to_vec();
            pairs.push(("app", "any"));
            Params::of(&pairs).filter(OrderKind::App).unwrap().dataset
        };
        assert_eq!(dataset(&[]), Wanted::Exactly(Address::ZERO));
        assert_eq!(dataset(&[("dataset", A)]), Wanted::Accepts(address));
        assert_eq!(dataset(&[("dataset", A), ("isDatasetStrict", "true")]), Wanted::Exactly(address));
        assert_eq!(dataset(&[("dataset", "any"), ("isDatasetStrict", "true")]), Wanted::Any);
        let own = Params::of(&[("app", A)]).filter(OrderKind::App).unwrap();
        assert_eq!((own.app, own.signer), (Wanted::Exactly(address), None));
        let owner = Params::of(&[("appOwner", A)]).filter(OrderKind::App).unwrap();
        assert_eq!((owner.app, owner.signer), (Wanted::Any, Some(address)));
        let any_owner = Params::of(&[("appOwner", "any")]).filter(OrderKind::App).unwrap();
        assert_eq!(any_owner.signer, None);
        let requests = Params::of(&[("requester", A)]).filter(OrderKind::Request).unwrap();
        assert_eq!(requests.requester, Wanted::Exactly(address));
        assert_eq!(requests.workerpool, Wanted::Exactly(Address::ZERO));
    }

    #[test]
    fn pages_start_where_the_ones_before_end() {
        let page = Params::of(&[("pageIndex", "3"), ("pageSize", "50")]).page().unwrap();
        assert_eq!(page, Page { skip: 150, take: 50 });
        assert_eq!((page.next(49), page.next(50)), (None, Some(200)));
        assert_eq!(Params::of(&[]).page().unwrap(), Page { skip: 0, take: 20 });
    }
}
