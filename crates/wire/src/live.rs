//! What a market tells over Socket.IO at `/ws` (http-surface 4.1).
//!
//! A client sends the message `join` with a [`Join`] and then gets the events of that topic: of `orders`,
//! `<kind>_published` and `<kind>_updated` with the order as `GET /{orders}/{orderHash}` shows it, and `<kind>_unpublished`
//! with the order hash; of `deals`, `deal_created` with the deal as `GET /deals` shows it. Kinds are `apporder`,
//! `datasetorder`, `workerpoolorder` and `requestorder`. Who asks for an acknowledgement of `join` gets a [`Joined`].

use serde::{Deserialize, Serialize};

/// Path of the endpoint.
pub const PATH: &str = "/ws";
/// Message by which a client asks for events.
pub const JOIN: &str = "join";
/// Event: a deal was made.
pub const DEAL_CREATED: &str = "deal_created";

/// What `join` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Join {
    /// Chain of the orders or deals.
    pub chain_id: ChainNumber,
    /// What is of interest.
    pub topic: Topic,
}

/// A chain id, as a number or as its digits: clients send either.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ChainNumber {
    /// A number.
    Number(u64),
    /// Digits.
    Digits(String),
}

impl ChainNumber {
    /// Whether it means this chain.
    pub fn is(&self, chain_id: u64) -> bool {
        match self {
            Self::Number(number) => *number == chain_id,
            Self::Digits(digits) => digits.parse() == Ok(chain_id),
        }
    }
}

/// What events are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Topic {
    /// Orders published, changed and taken back.
    Orders,
    /// Deals made.
    Deals,
}

impl Topic {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Deals => "deals",
        }
    }
}

/// Answer to `join` if the client asks for one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    /// Whether events will come.
    pub ok: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}
