//! An unmodified client: alloy's provider with its fillers and wallet.

use alloy::network::{EthereumWallet, TransactionBuilder as _};
use alloy::providers::{Provider as _, ProviderBuilder};
use alloy::rpc::types::TransactionRequest;
use alloy_primitives::{Address, U256};
use metacloud_devchain::{BaseFee, start};

use crate::fixture::*;

#[tokio::test]
async fn provider_sends_waits_and_reads() {
    let mut config = config();
    config.base_fee_wei = BaseFee::Eip1559 { initial: 1_000_000_000 };
    let chain = start(config).await.unwrap();
    let client = ProviderBuilder::new()
        .wallet(EthereumWallet::from(signer(0)))
        .connect_http(chain.rpc_url().parse().unwrap());
    let to = Address::repeat_byte(0x42);

    let receipt = client
        .send_transaction(TransactionRequest::default().with_to(to).with_value(U256::from(5)))
        .await
        .unwrap()
        .get_receipt()
        .await
        .unwrap();

    assert!(receipt.status());
    assert_eq!(receipt.gas_used, 21_000);
    assert_eq!(client.get_balance(to).await.unwrap(), U256::from(5));
    let created = client
        .send_transaction(TransactionRequest::default().with_deploy_code(probe_creation()))
        .await
        .unwrap()
        .get_receipt()
        .await
        .unwrap();
    let probe = created.contract_address.unwrap();
    assert!(!client.get_code_at(probe).await.unwrap().is_empty());
    let block =
        client.get_block_by_number(created.block_number.unwrap().into()).full().await.unwrap().unwrap();
    assert_eq!(block.transactions.len(), 1);
    let receipts = client.get_block_receipts(created.block_number.unwrap().into()).await.unwrap().unwrap();
    assert_eq!(receipts, [created]);
}
