//! EIP-712 hashes of orders (poco 6.2).

use alloy_primitives::{Address, B256, U256, b256, keccak256};
use serde::{Deserialize, Serialize};

use super::{AppOrder, DatasetOrder, OrderKind, RequestOrder, WorkerpoolOrder};
use crate::ids::OrderHash;

/// Hash of the type string of the domain.
const DOMAIN_TYPE_HASH: B256 = b256!("8b73c3c69bb8fe3d512ecc4cf759cc79239f7b179b0ffacaa9a75d522b39400f");

/// Where order signatures are valid: one hub on one chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Domain {
    /// Chain id of EIP-155.
    pub chain_id: u64,
    /// The hub contract.
    pub hub: Address,
}

impl Domain {
    /// Name in the signed domain.
    pub const NAME: &'static str = "iExecODB";
    /// Version in the signed domain.
    pub const VERSION: &'static str = "5.0.0";

    /// The domain separator.
    pub fn separator(&self) -> B256 {
        struct_hash(
            DOMAIN_TYPE_HASH,
            &[
                keccak256(Self::NAME),
                keccak256(Self::VERSION),
                U256::from(self.chain_id).into(),
                self.hub.into_word(),
            ],
        )
    }

    /// `keccak256(0x19 ‖ 0x01 ‖ separator ‖ structHash)`.
    pub fn digest(&self, struct_hash: B256) -> B256 {
        keccak256([&[0x19, 0x01], self.separator().as_slice(), struct_hash.as_slice()].concat())
    }
}

/// What the four orders have in common.
pub trait Order {
    /// Which of the four.
    const KIND: OrderKind;

    /// EIP-712 hash of the order without the domain. Only a step towards [`Order::hash`].
    fn struct_hash(&self) -> B256;

    /// Tasks that the order may serve over its life.
    fn volume(&self) -> U256;

    /// The order hash: the EIP-712 digest that is signed and that keys the hub's records.
    fn hash(&self, domain: &Domain) -> OrderHash {
        OrderHash(domain.digest(self.struct_hash()))
    }
}

/// Hash of the type string of an order.
pub const fn type_hash(kind: OrderKind) -> B256 {
    match kind {
        OrderKind::App => b256!("60815a0eeec47dddf1615fe53b31d016c31444e01b9d796db365443a6445d008"),
        OrderKind::Dataset => {
            b256!("6cfc932a5a3d22c4359295b9f433edff52b60703fa47690a04a83e40933dd47c")
        }
        OrderKind::Workerpool => {
            b256!("aa3429fb281b34691803133d3d978a75bb77c617ed6bc9aa162b9b30920022bb")
        }
        OrderKind::Request => {
            b256!("f24e853034a3a450aba845a82914fbb564ad85accca6cf62be112a154520fae0")
        }
    }
}

/// `keccak256(typeHash ‖ members)`, every member already one 32-byte word.
pub(super) fn struct_hash(type_hash: B256, members: &[B256]) -> B256 {
    let words = [&[type_hash], members].concat();
    keccak256(words.iter().flatten().copied().collect::<Vec<u8>>())
}

impl Order for AppOrder {
    const KIND: OrderKind = OrderKind::App;

    fn struct_hash(&self) -> B256 {
        struct_hash(
            type_hash(Self::KIND),
            &[
                self.app.into_word(),
                self.appprice.into(),
                self.volume.into(),
                self.tag,
                self.datasetrestrict.into_word(),
                self.workerpoolrestrict.into_word(),
                self.requesterrestrict.into_word(),
                self.salt,
            ],
        )
    }

    fn volume(&self) -> U256 {
        self.volume
    }
}

impl Order for DatasetOrder {
    const KIND: OrderKind = OrderKind::Dataset;

    fn struct_hash(&self) -> B256 {
        struct_hash(
            type_hash(Self::KIND),
            &[
                self.dataset.into_word(),
                self.datasetprice.into(),
                self.volume.into(),
                self.tag,
                self.apprestrict.into_word(),
                self.workerpoolrestrict.into_word(),
                self.requesterrestrict.into_word(),
                self.salt,
            ],
        )
    }

    fn volume(&self) -> U256 {
        self.volume
    }
}

impl Order for WorkerpoolOrder {
    const KIND: OrderKind = OrderKind::Workerpool;

    fn struct_hash(&self) -> B256 {
        struct_hash(
            type_hash(Self::KIND),
            &[
                self.workerpool.into_word(),
                self.workerpoolprice.into(),
                self.volume.into(),
                self.tag,
                self.category.into(),
                self.trust.into(),
                self.apprestrict.into_word(),
                self.datasetrestrict.into_word(),
                self.requesterrestrict.into_word(),
                self.salt,
            ],
        )
    }

    fn volume(&self) -> U256 {
        self.volume
    }
}

impl Order for RequestOrder {
    const KIND: OrderKind = OrderKind::Request;

    fn struct_hash(&self) -> B256 {
        struct_hash(
            type_hash(Self::KIND),
            &[
                self.app.into_word(),
                self.appmaxprice.into(),
                self.dataset.into_word(),
                self.datasetmaxprice.into(),
                self.workerpool.into_word(),
                self.workerpoolmaxprice.into(),
                self.requester.into_word(),
                self.volume.into(),
                self.tag,
                self.category.into(),
                self.trust.into(),
                self.beneficiary.into_word(),
                self.callback.into_word(),
                keccak256(&self.params),
                self.salt,
            ],
        )
    }

    fn volume(&self) -> U256 {
        self.volume
    }
}

#[cfg(test)]
mod tests {
    use super::super::OrderOperation;
    use super::*;

    const APP: &str = "AppOrder(address app,uint256 appprice,uint256 volume,bytes32 tag,address datasetrestrict,address workerpoolrestrict,address requesterrestrict,bytes32 salt)";
    const DATASET: &str = "DatasetOrder(address dataset,uint256 datasetprice,uint256 volume,bytes32 tag,address apprestrict,address workerpoolrestrict,address requesterrestrict,bytes32 salt)";
    const WORKERPOOL: &str = "WorkerpoolOrder(address workerpool,uint256 workerpoolprice,uint256 volume,bytes32 tag,uint256 category,uint256 trust,address apprestrict,address datasetrestrict,address requesterrestrict,bytes32 salt)";
    const REQUEST: &str = "RequestOrder(address app,uint256 appmaxprice,address dataset,uint256 datasetmaxprice,address workerpool,uint256 workerpoolmaxprice,address requester,uint256 volume,bytes32 tag,uint256 category,uint256 trust,address beneficiary,address callback,string params,bytes32 salt)";

    fn low(byte: u8) -> Address {
        Address::with_last_byte(byte)
    }

    fn domain() -> Domain {
        let mut hub = Address::with_last_byte(1);
        hub[0] = 0x10;
        Domain { chain_id: 31_337, hub }
    }

    fn request() -> RequestOrder {
        RequestOrder {
            app: low(0xa1),
            appmaxprice: U256::from(1_000),
            dataset: low(0xd1),
            datasetmaxprice: U256::from(1_000_000),
            workerpool: Address::ZERO,
            workerpoolmaxprice: U256::from(1_000_000_000),
            requester: low(0xc1),
            volume: U256::from(3),
            tag: B256::with_last_byte(3),
            category: U256::from(1),
            trust: U256::from(4),
            beneficiary: low(0xc1),
            callback: Address::ZERO,
            params: r#"{"iexec_args":"hello"}"#.into(),
            salt: B256::with_last_byte(4),
        }
    }

    #[test]
    fn type_hashes_are_those_of_the_type_strings() {
        let domain_type =
            "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";
        assert_eq!(keccak256(domain_type), DOMAIN_TYPE_HASH);
        for (kind, text) in [
            (OrderKind::App, APP),
            (OrderKind::Dataset, DATASET),
            (OrderKind::Workerpool, WORKERPOOL),
            (OrderKind::Request, REQUEST),
        ] {
            assert_eq!(keccak256(text), type_hash(kind), "{kind:?}");
            let operation = format!("{kind:?}OrderOperation({kind:?}Order order,uint256 operation){text}");
            assert_eq!(keccak256(operation), OrderOperation::type_hash(kind), "{kind:?}");
        }
    }

    #[test]
    fn worked_values_of_the_protocol() {
        assert_eq!(
            domain().separator(),
            b256!("6728e027dbc4e015d3420ffabb9e014f73c5c1283e50948d728a51814d05582c")
        );
        let app = AppOrder {
            app: low(0xa1),
            appprice: U256::from(1_000),
            volume: U256::from(10),
            tag: B256::with_last_byte(3),
            salt: B256::with_last_byte(1),
            ..AppOrder::default()
        };
        assert_eq!(
            app.hash(&domain()).0,
            b256!("4a04abc839387662d69b2768e32a1c5c6f1f8bc17941265f92397703eaa668dc")
        );
        let dataset = DatasetOrder {
            dataset: low(0xd1),
            datasetprice: U256::from(1_000_000),
            volume: U256::from(10),
            tag: B256::with_last_byte(3),
            apprestrict: low(0xa1),
            salt: B256::with_last_byte(2),
            ..DatasetOrder::default()
        };
        assert_eq!(
            dataset.hash(&domain()).0,
            b256!("732066c1dab822d9845d7b723db6515215bc0d81b24724aff786126d95986659")
        );
        let workerpool = WorkerpoolOrder {
            workerpool: low(0xb1),
            workerpoolprice: U256::from(1_000_000_000),
            volume: U256::from(5),
            tag: B256::with_last_byte(3),
            category: U256::from(1),
            trust: U256::from(4),
            salt: B256::with_last_byte(3),
            ..WorkerpoolOrder::default()
        };
        assert_eq!(
            workerpool.hash(&domain()).0,
            b256!("a387b1ee07b15231800607e97396a8be577a9fa29a70395a632e154e6fa55932")
        );
        assert_eq!(
            request().hash(&domain()).0,
            b256!("8ba0ce005960cda8cf16e15e861477407ad73494ae21457283811dfd7765f4c5")
        );
        assert_eq!(
            OrderOperation::Close.digest(&request(), &domain()),
            b256!("7088cb0ba7f585b40ff475a3761de5bdf262fb238c3b498b942299c959adbae3")
        );
    }

    #[test]
    fn hash_depends_on_chain_hub_and_every_word() {
        let mut seen = std::collections::BTreeSet::from([request().hash(&domain())]);
        let other_chain = Domain { chain_id: 1, ..domain() };
        let other_hub = Domain { hub: low(2), ..domain() };
        assert!(seen.insert(request().hash(&other_chain)));
        assert!(seen.insert(request().hash(&other_hub)));
        let changes: [fn(&mut RequestOrder); 15] = [
            |order| order.app = low(9),
            |order| order.appmaxprice = U256::from(9),
            |order| order.dataset = low(9),
            |order| order.datasetmaxprice = U256::from(9),
            |order| order.workerpool = low(9),
            |order| order.workerpoolmaxprice = U256::from(9),
            |order| order.requester = low(9),
            |order| order.volume = U256::from(9),
            |order| order.tag = B256::with_last_byte(9),
            |order| order.category = U256::from(9),
            |order| order.trust = U256::from(9),
            |order| order.beneficiary = low(9),
            |order| order.callback = low(9),
            |order| order.params.push(' '),
            |order| order.salt = B256::with_last_byte(9),
        ];
        for (index, change) in changes.into_iter().enumerate() {
            let mut order = request();
            change(&mut order);
            assert!(seen.insert(order.hash(&domain())), "change {index}");
        }
    }
}
