//! The development chain, and how other parts reach a chain.

use alloy_primitives::Address;
use metacloud_abi::WorkerpoolRegistry;
use metacloud_chain::{Chain, Options};
use metacloud_devchain::{BLOCK_GAS_LIMIT_DEFAULT, BaseFee, Devchain, Mining};
use metacloud_wire::ready::Role;

use crate::config::{BlockTime, ChainAccess, ChainConfig};
use crate::development::{DevelopmentNetwork, POOL_DESCRIPTION};
use crate::error::StartError;

/// Starts the chain of a development network.
///
/// # Errors
/// [`StartError::Chain`].
pub(crate) async fn start(
    config: &ChainConfig,
    network: &DevelopmentNetwork,
) -> Result<Devchain, StartError> {
    let chain = metacloud_devchain::Config {
        chain_id: config.chain_id,
        listen: config.listen,
        data_dir: config.data_dir.clone(),
        mining: match config.block_time {
            BlockTime::Auto => Mining::Instant,
            BlockTime::Every(period) => Mining::Every(period),
        },
        base_fee_wei: BaseFee::Zero,
        block_gas_limit: BLOCK_GAS_LIMIT_DEFAULT,
        genesis: network.genesis.clone(),
    };
    Ok(metacloud_devchain::start(chain).await?)
}

/// What the chain's log had to give up when it was opened, in words.
pub(crate) fn recovered(devchain: &Devchain) -> Option<String> {
    let recovered = devchain.recovered();
    (recovered.dropped_bytes > 0).then(|| {
        format!(
            "{} bytes of its log were damaged and are dropped, {} records among them; it goes on from block {}",
            recovered.dropped_bytes, recovered.dropped_records, recovered.blocks
        )
    })
}

/// The development pool was created in block 0; its address follows from its owner and description.
///
/// # Errors
/// [`StartError::Contracts`].
pub(crate) async fn pool_address(chain: &Chain, network: &DevelopmentNetwork) -> Result<Address, StartError> {
    let predict = WorkerpoolRegistry::predictWorkerpoolCall {
        holder: network.account(Role::WorkerpoolOwner).address,
        description: POOL_DESCRIPTION.to_owned(),
    };
    Ok(chain.read(network.contracts.workerpool_registry, &predict).await?)
}

/// Connects a part that runs alone to its chain.
///
/// # Errors
/// [`StartError::Connect`].
pub(crate) async fn connect(access: &ChainAccess) -> Result<Chain, StartError> {
    let options =
        Options { chain_id: access.chain_id, confirmations: access.confirmations, ..Options::default() };
    Ok(Chain::connect_with(&access.rpc_url, options).await?)
}
