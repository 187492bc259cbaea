//! Puts the contracts on a chain, and goes on where an earlier attempt ended.
//!
//! Nothing is written down between attempts: what exists is found by its code among the addresses that the deployer's
//! last nonces lead to, and whether a call took effect is asked of the contracts. So an attempt can end anywhere, by
//! any cause, and the next one may run on another machine.

use std::time::Duration;

use alloy_primitives::{Address, B256, Bytes, U64, U256};
use alloy_sol_types::SolCall;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use metacloud_abi::{AppRegistry, Contract, Hub, Rlc};
use metacloud_chain::{CallError, Chain, ConnectError, Gas, Options, RpcError, SendError, Transaction};
use metacloud_chain::{Wallet, WalletError};
use serde_json::json;

pub use metacloud_abi::deploy::{Addresses, BaseUris, DeployParams, Plan, PlannedTransaction, Step, plan};
use metacloud_abi::deploy::{creations, find_created, registries, resume};

/// Nonces before the present one among which an earlier attempt is looked for.
const NONCES_SEARCHED_MAX: u64 = 128;
/// Codes asked for at the same time.
const CODES_AT_ONCE: usize = 16;
/// Pause between two questions whether transactions of an earlier attempt are mined.
const MINED_POLL: Duration = Duration::from_millis(250);
/// Such questions before a deployment gives up: two minutes.
const MINED_POLLS_MAX: u32 = 480;
/// Decimals of RLC, in which all amounts of the protocol are counted.
const RLC_DECIMALS: u8 = 9;

/// What whoever deploys may choose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Owner of hub and registries in the end; the deployer if absent.
    pub owner: Option<Address>,
    /// An existing base token; a fresh RLC if absent.
    pub token: Option<Address>,
    /// Prefix of the token URIs of apps; the reference's for the chain if absent, as the next two.
    pub app_base_uri: Option<String>,
    /// Of datasets.
    pub dataset_base_uri: Option<String>,
    /// Of workerpools.
    pub workerpool_base_uri: Option<String>,
}

impl Terms {
    /// The parameters of a deployment on these terms.
    #[must_use]
    pub fn params(&self, deployer: Address, first_nonce: u64, chain_id: u64) -> DeployParams {
        let default = BaseUris::for_chain(chain_id);
        DeployParams {
            deployer,
            first_nonce,
            chain_id,
            owner: self.owner.unwrap_or(deployer),
            token: self.token,
            base_uri: BaseUris {
                app: self.app_base_uri.clone().unwrap_or(default.app),
                dataset: self.dataset_base_uri.clone().unwrap_or(default.dataset),
                workerpool: self.workerpool_base_uri.clone().unwrap_or(default.workerpool),
            },
        }
    }
}

/// Why a deployment did not begin or did not end. Running it again goes on where it ended.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// No connection to the chain, or another chain.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The key is none.
    #[error(transparent)]
    Wallet(#[from] WalletError),
    /// The token is none.
    #[error("the token {token} cannot be used on chain {chain_id}: {reason}")]
    Token {
        /// What was given.
        token: Address,
        /// The chain.
        chain_id: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// Transactions of the deployer wait to be mined, so that the next nonce is not certain.
    #[error(
        "{waiting} transactions of {deployer} are not mined yet; run the same command again when they are"
    )]
    Waiting {
        /// The deployer.
        deployer: Address,
        /// How many.
        waiting: u64,
    },
    /// A transaction was not sent, or failed.
    #[error("transaction {number} of {total}, {what}: {source}")]
    Send {
        /// Place of the transaction among those that were left, from 1.
        number: usize,
        /// How many were left.
        total: usize,
        /// What it was for.
        what: String,
        /// Why.
        source: Box<SendError>,
    },
    /// A contract came about at another address: somebody used the key in between.
    #[error(
        "{what} is at {found} and not at {planned}: is the key in use elsewhere? Run the same command again"
    )]
    Moved {
        /// The contract.
        what: String,
        /// Where it should be.
        planned: Address,
        /// Where it is.
        found: Address,
    },
    /// Everything was sent, but the contracts answer otherwise.
    #[error("everything was sent, but the chain does not show it: {what}")]
    NotInEffect {
        /// What is missing.
        what: String,
    },
    /// The contracts cannot be asked.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The chain cannot be asked.
    #[error(transparent)]
    Rpc(#[from] RpcError),
}

/// A deployment that knows what is left to be done.
#[derive(Debug)]
pub struct Deployment {
    chain: Chain,
    wallet: Wallet,
    params: DeployParams,
    created: Vec<Address>,
    plan: Plan,
}

impl Deployment {
    /// Connects, checks the token, and finds what an earlier attempt on the same terms left; with `afresh` it is left
    /// alone.
    ///
    /// # Errors
    /// See [`DeployError`]; nothing has been sent.
    pub async fn prepare(
        rpc_url: &str,
        chain_id: Option<u64>,
        key: B256,
        terms: &Terms,
        afresh: bool,
    ) -> Result<Self, DeployError> {
        let chain = Chain::connect_with(rpc_url, Options { chain_id, ..Options::default() }).await?;
        let wallet = Wallet::new(chain.clone(), key)?;
        if let Some(token) = terms.token {
            check_token(&chain, token).await?;
        }
        let nonce = settled_nonce(&chain, wallet.address()).await?;
        let params = terms.params(wallet.address(), nonce, chain.id());
        let created = if afresh { Vec::new() } else { earlier_attempt(&chain, &params).await? };
        let plan = resume(&params, &created);
        Ok(Self { chain, wallet, params, created, plan })
    }

    /// The chain id of the node.
    #[must_use]
    pub fn chain_id(&self) -> u64 {
        self.chain.id()
    }

    /// The account that sends.
    #[must_use]
    pub fn deployer(&self) -> Address {
        self.params.deployer
    }

    /// Contracts that an earlier attempt left.
    #[must_use]
    pub fn found(&self) -> usize {
        self.created.len()
    }

    /// Where the contracts are, or will be.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.plan.addresses
    }

    /// Sends what is left, one transaction after the other, and checks what came of it. `told` hears of each one mined:
    /// its number from 1, their total, and what it was for. Returns how many were sent.
    ///
    /// # Errors
    /// See [`DeployError`].
    pub async fn run(&self, mut told: impl FnMut(usize, usize, &str)) -> Result<usize, DeployError> {
        let total = self.plan.transactions.len();
        let mut sent = 0;
        for (number, planned) in (1..).zip(&self.plan.transactions) {
            if self.is_in_effect(planned.step).await? {
                continue;
            }
            let what = self.describe(planned.step);
            self.send(planned).await.map_err(|error| match error {
                Failed::Send(source) => DeployError::Send { number, total, what: what.clone(), source },
                Failed::Moved { planned, found } => DeployError::Moved { what: what.clone(), planned, found },
            })?;
            sent += 1;
            told(number, total, &what);
        }
        for planned in &self.plan.transactions {
            let created = matches!(planned.step, Step::Create(_));
            if !created && !self.is_in_effect(planned.step).await? {
                return Err(DeployError::NotInEffect { what: self.describe(planned.step) });
            }
        }
        Ok(sent)
    }

    async fn send(&self, planned: &PlannedTransaction) -> Result<(), Failed> {
        let transaction = Transaction {
            to: planned.to,
            data: planned.data.clone(),
            value: planned.value,
            gas: Gas::Estimated,
        };
        let receipt =
            self.wallet.transact(transaction).await.map_err(|error| Failed::Send(Box::new(error)))?;
        match (planned.creates, receipt.created) {
            (Some(planned), Some(found)) if planned != found => Err(Failed::Moved { planned, found }),
            _ => Ok(()),
        }
    }

    /// Whether a step took effect already. Contracts still to be created have not.
    async fn is_in_effect(&self, step: Step) -> Result<bool, DeployError> {
        let (chain, hub) = (&self.chain, self.plan.addresses.hub);
        Ok(match step {
            Step::Create(_) => false,
            Step::Initialize(registry) => ask(chain, registry, &AppRegistry::initializedCall {}).await?,
            Step::Configure => ask(chain, hub, &Hub::tokenCall {}).await? == self.plan.addresses.rlc,
            Step::CreateCategory(number) => {
                ask(chain, hub, &Hub::countCategoryCall {}).await? > U256::from(number)
            }
            Step::HandOver(contract) => ask(chain, contract, &Hub::ownerCall {}).await? == self.params.owner,
        })
    }

    fn describe(&self, step: Step) -> String {
        match step {
            Step::Create(contract) => format!("create {}", contract.name()),
            Step::Initialize(registry) => format!("initialize the registry {registry}"),
            Step::Configure => "configure the hub".to_owned(),
            Step::CreateCategory(number) => format!("add category {number}"),
            Step::HandOver(contract) => format!("hand {contract} over to {}", self.params.owner),
        }
    }
}

/// Why a transaction did not do what was planned.
enum Failed {
    Send(Box<SendError>),
    Moved { planned: Address, found: Address },
}

async fn ask<C: SolCall>(chain: &Chain, to: Address, call: &C) -> Result<C::Return, CallError> {
    let answer = chain.call(to, call.abi_encode().into()).await?;
    C::abi_decode_returns(&answer).map_err(|error| CallError::Undecodable {
        to,
        call: C::SIGNATURE,
        reason: error.to_string(),
    })
}

async fn check_token(chain: &Chain, token: Address) -> Result<(), DeployError> {
    let refused = |reason: String| DeployError::Token { token, chain_id: chain.id(), reason };
    if chain.code(token).await?.is_empty() {
        return Err(refused("there is no contract".to_owned()));
    }
    match ask(chain, token, &Rlc::decimalsCall {}).await {
        Ok(RLC_DECIMALS) => {}
        Ok(other) => return Err(refused(format!("it has {other} decimals, RLC has {RLC_DECIMALS}"))),
        Err(CallError::Rpc(error)) => return Err(error.into()),
        Err(error) => return Err(refused(error.to_string())),
    }
    match ask(chain, token, &Rlc::balanceOfCall { account: token }).await {
        Ok(_) => Ok(()),
        Err(CallError::Rpc(error)) => Err(error.into()),
        Err(error) => Err(refused(error.to_string())),
    }
}

/// The next nonce of an account once nothing of it waits any more.
async fn settled_nonce(chain: &Chain, deployer: Address) -> Result<u64, DeployError> {
    let mut polls = 0;
    loop {
        let mined: U64 = chain.request("eth_getTransactionCount", json!([deployer, "latest"])).await?;
        let (mined, known) = (mined.to::<u64>(), chain.nonce(deployer).await?);
        if known <= mined {
            return Ok(mined);
        }
        polls += 1;
        if polls > MINED_POLLS_MAX {
            return Err(DeployError::Waiting { deployer, waiting: known - mined });
        }
        tokio::time::sleep(MINED_POLL).await;
    }
}

/// The contracts of an earlier attempt on the same terms, in the order of their creation; none if there is none.
async fn earlier_attempt(chain: &Chain, params: &DeployParams) -> Result<Vec<Address>, DeployError> {
    let nonces = params.first_nonce.saturating_sub(NONCES_SEARCHED_MAX)..params.first_nonce;
    let found: Vec<(Address, Bytes)> = stream::iter(nonces.map(|nonce| params.deployer.create(nonce)))
        .map(async |address| Ok::<_, RpcError>((address, chain.code(address).await?)))
        .buffered(CODES_AT_ONCE)
        .try_collect()
        .await?;
    let created = find_created(params, &found);
    Ok(if is_on_terms(chain, params, &created).await? { created } else { Vec::new() })
}

/// Whether contracts found are of a deployment with these parameters, so that it may be continued.
async fn is_on_terms(chain: &Chain, params: &DeployParams, created: &[Address]) -> Result<bool, DeployError> {
    let addresses = resume(params, created).addresses;
    let contracts = creations(params);
    let exists = |address: Address| created.contains(&address);
    let is_ours = |owner: Address| owner == params.deployer || owner == params.owner;
    if exists(addresses.hub) {
        let modules: Vec<Address> = contracts
            .iter()
            .zip(created)
            .skip_while(|(contract, _)| **contract == Contract::Rlc)
            .take_while(|(contract, _)| **contract != Contract::Hub)
            .map(|(_, address)| *address)
            .collect();
        let token = ask(chain, addresses.hub, &Hub::tokenCall {}).await?;
        if ask(chain, addresses.hub, &Hub::facetAddressesCall {}).await? != modules
            || !is_ours(ask(chain, addresses.hub, &Hub::ownerCall {}).await?)
            || !(token.is_zero() || token == addresses.rlc)
        {
            return Ok(false);
        }
    }
    let uris = [&params.base_uri.app, &params.base_uri.dataset, &params.base_uri.workerpool];
    for (registry, uri) in registries(&addresses).into_iter().zip(uris) {
        if exists(registry)
            && (ask(chain, registry, &AppRegistry::baseURICall {}).await? != *uri
                || !is_ours(ask(chain, registry, &AppRegistry::ownerCall {}).await?))
        {
            return Ok(false);
        }
    }
    Ok(true)
}
