//! Contracts that are none of ours, each with one simple behaviour, as EVM code and as a Rust function of the same
//! meaning: so the world of the model answers what the chain answers.

use alloy_primitives::{Address, Bytes, U256, hex};
use revm::state::Bytecode;

/// A foreign contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stranger {
    /// A contract account: a signature is valid when it is one byte long.
    Wallet,
    /// A key with a delegation designator to [`Stranger::Wallet`]: an account with code.
    Delegated,
    /// A group: odd addresses are members.
    Group,
    /// Answers nothing to everything.
    Silent,
    /// Reverts everything with data.
    Hostile,
    /// Answers a word that is neither a bool nor an address.
    Noise,
    /// Answers the address of the app provider: looks like an asset of its, registered nowhere.
    Impostor,
}

pub(crate) const STRANGERS: [Stranger; 7] = [
    Stranger::Wallet,
    Stranger::Delegated,
    Stranger::Group,
    Stranger::Silent,
    Stranger::Hostile,
    Stranger::Noise,
    Stranger::Impostor,
];

/// What [`Stranger::Hostile`] reverts with.
const HOSTILE_DATA: [u8; 4] = hex!("deadbeef");

impl Stranger {
    pub(crate) fn address(self) -> Address {
        Address::new([0x51 + self as u8; 20])
    }

    pub(crate) fn of(address: Address) -> Option<Self> {
        STRANGERS.into_iter().find(|stranger| stranger.address() == address)
    }

    /// `provider` is the owner that the impostor names.
    pub(crate) fn code(self, provider: Address) -> Bytecode {
        match self {
            // The word at 0x44 of isValidSignature is the length of the signature.
            Self::Wallet => raw(&hex!("604435600114631626ba7e60e01b025f5260205ff3")),
            Self::Delegated => Bytecode::new_eip7702(Self::Wallet.address()),
            Self::Group => raw(&hex!("6004356001165f5260205ff3")),
            Self::Silent => raw(&hex!("00")),
            Self::Hostile => raw(&[&hex!("63")[..], &HOSTILE_DATA, &hex!("5f526004601cfd")].concat()),
            Self::Noise => raw(&hex!("5f195f5260205ff3")),
            Self::Impostor => raw(&[&hex!("73")[..], provider.as_slice(), &hex!("5f5260205ff3")].concat()),
        }
    }

    /// The return data of a static call, or the revert data.
    pub(crate) fn answer(self, data: &[u8], provider: Address) -> Result<Bytes, Bytes> {
        let word = match self {
            Self::Wallet | Self::Delegated => {
                let magic = U256::from(0x1626_ba7e_u32) << 224;
                if word_at(data, 0x44) == U256::from(1) { magic } else { U256::ZERO }
            }
            Self::Group => word_at(data, 4) & U256::from(1),
            Self::Silent => return Ok(Bytes::new()),
            Self::Hostile => return Err(HOSTILE_DATA.into()),
            Self::Noise => U256::MAX,
            Self::Impostor => U256::from_be_bytes(provider.into_word().0),
        };
        Ok(word.to_be_bytes::<32>().into())
    }
}

fn raw(code: &[u8]) -> Bytecode {
    Bytecode::new_raw(Bytes::copy_from_slice(code))
}

fn word_at(data: &[u8], offset: usize) -> U256 {
    let mut word = [0; 32];
    for (byte, &from) in word.iter_mut().zip(data.iter().skip(offset)) {
        *byte = from;
    }
    U256::from_be_bytes(word)
}
