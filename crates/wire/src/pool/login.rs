use alloy_primitives::{Address, B256};
use alloy_sol_types::{SolStruct, eip712_domain};

use super::Challenge;

/// `name` of the EIP-712 domain of a login.
pub const LOGIN_DOMAIN_NAME: &str = "metacloud pool";
/// `version` of the EIP-712 domain of a login.
pub const LOGIN_DOMAIN_VERSION: &str = "1";

mod typed {
    #![allow(missing_docs, reason = "the macro's own items")]
    alloy_sol_types::sol! {
        /// What a worker signs to join a pool.
        struct WorkerLogin {
            address worker;
            bytes32 nonce;
            uint64 expiry;
        }
    }
}

/// The EIP-712 digest that `worker` signs to answer `challenge`.
///
/// The workerpool contract is the verifying contract, so a signature for one pool or chain is none for another.
pub fn login_digest(challenge: &Challenge, worker: Address) -> B256 {
    let domain = eip712_domain! {
        name: LOGIN_DOMAIN_NAME,
        version: LOGIN_DOMAIN_VERSION,
        chain_id: challenge.chain_id,
        verifying_contract: challenge.pool,
    };
    let login = typed::WorkerLogin { worker, nonce: challenge.nonce, expiry: challenge.expires_s };
    login.eip712_signing_hash(&domain)
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{U256, keccak256};

    use super::*;

    #[test]
    fn digest_is_the_one_of_the_typed_data_rules() {
        let (pool, worker, nonce) = (Address::repeat_byte(4), Address::repeat_byte(7), B256::repeat_byte(9));
        let challenge = Challenge {
            nonce,
            expires_s: 1_768_471_230,
            pool,
            hub: Address::repeat_byte(5),
            chain_id: 65_535,
        };

        // Written out by hand, after EIP-712, from the layout in the proto file.
        let word = |n: u64| U256::from(n).to_be_bytes::<32>();
        let domain = keccak256(
            [
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)",
                )
                .as_slice(),
                keccak256("metacloud pool").as_slice(),
                keccak256("1").as_slice(),
                &word(65_535),
                pool.into_word().as_slice(),
            ]
            .concat(),
        );
        let message = keccak256(
            [
                keccak256("WorkerLogin(address worker,bytes32 nonce,uint64 expiry)").as_slice(),
                worker.into_word().as_slice(),
                nonce.as_slice(),
                &word(1_768_471_230),
            ]
            .concat(),
        );
        let expected = keccak256([&[0x19, 0x01], domain.as_slice(), message.as_slice()].concat());

        assert_eq!(login_digest(&challenge, worker), expected);
    }

    #[test]
    fn a_login_for_one_pool_chain_worker_nonce_or_expiry_is_none_for_another() {
        let challenge = Challenge {
            nonce: B256::repeat_byte(9),
            expires_s: 10,
            pool: Address::repeat_byte(4),
            hub: Address::repeat_byte(5),
            chain_id: 1,
        };
        let worker = Address::repeat_byte(7);
        let digest = login_digest(&challenge, worker);
        let others = [
            login_digest(&Challenge { nonce: B256::ZERO, ..challenge.clone() }, worker),
            login_digest(&Challenge { expires_s: 11, ..challenge.clone() }, worker),
            login_digest(&Challenge { pool: Address::ZERO, ..challenge.clone() }, worker),
            login_digest(&Challenge { chain_id: 2, ..challenge.clone() }, worker),
            login_digest(&challenge, Address::ZERO),
        ];
        assert!(others.iter().all(|other| *other != digest));
    }
}
