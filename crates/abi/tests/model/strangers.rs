//! Contracts that are none of ours, each with one simple behaviour, as EVM code and as a Rust function of the same
//! meaning: so the world of the model answers what the chain answers.

use alloy_primitives::{Address, Bytes, U256, hex};
use alloy_sol_types::SolCall;
use metacloud_abi::Hub;
use revm::state::Bytecode;

use crate::asm::asm;
use crate::puppet;
use crate::world::{isRegisteredCall, isValidSignatureCall, keyHasPurposeCall, ownerCall};

/// A foreign contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stranger {
    /// A contract account: a signature is valid when it is one byte long.
    Wallet,
    /// A key with a delegation designator to [`Stranger::Wallet`]: an account with code, now and then without.
    Delegated,
    /// A group: odd addresses are members.
    Group,
    /// Answers nothing to everything.
    Silent,
    /// Reverts everything with data.
    Hostile,
    /// Answers a word that is neither a bool nor an address.
    Noise,
    /// Answers the address of the app provider: looks like an asset of its, and as a registry contradicts all assets.
    Impostor,
    /// A wallet, and a group of everybody, that calls the hub when it is asked; where nothing may change this fails.
    Prober,
    /// Burns all gas.
    Burner,
    /// Answers all but the last byte of what a wallet that agrees answers.
    Short,
    /// A wallet that answers far more than it was asked for.
    Verbose,
    /// Answers to everything what a wallet that agrees answers.
    YesMan,
    /// Answers 1 to everything.
    One,
    /// A registry that knows everything and no tokens, as one of another make or age.
    Registrar,
    /// A registry of workerpools that names the app provider and policies.
    Terms,
    /// An asset of the app provider whose policies exceed what our workerpools may have.
    Outsider,
    /// A wallet that, when foreign code may act, makes the calls that it was told.
    Puppet,
}

pub(crate) const STRANGERS: [Stranger; 17] = [
    Stranger::Wallet,
    Stranger::Delegated,
    Stranger::Group,
    Stranger::Silent,
    Stranger::Hostile,
    Stranger::Noise,
    Stranger::Impostor,
    Stranger::Prober,
    Stranger::Burner,
    Stranger::Short,
    Stranger::Verbose,
    Stranger::YesMan,
    Stranger::One,
    Stranger::Registrar,
    Stranger::Terms,
    Stranger::Outsider,
    Stranger::Puppet,
];

/// What [`Stranger::Hostile`] reverts with.
const HOSTILE_DATA: [u8; 4] = hex!("deadbeef");
/// Answer of a wallet that agrees (ERC-1271), as the first bytes of a word.
const MAGIC: u32 = 0x1626_ba7e;
/// Worker stake and scheduler reward ratio of [`Stranger::Terms`], percent.
const TERMS: [u64; 2] = [40, 10];
/// Both ratios of [`Stranger::Outsider`], percent: its scheduler would get more than there is.
const OUTSIDER_RATIO: u64 = 120;
/// Gas with which [`Stranger::Prober`] calls the hub; a static violation burns it.
const PROBE_GAS: &str = "0x030d40";
/// Bytes that [`Stranger::Verbose`] answers.
const VERBOSE_SIZE: usize = 32_768;

impl Stranger {
    pub(crate) fn address(self) -> Address {
        Address::new([0x51 + self as u8; 20])
    }

    pub(crate) fn of(address: Address) -> Option<Self> {
        STRANGERS.into_iter().find(|stranger| stranger.address() == address)
    }

    /// Whether it burns all the gas that it is given.
    pub(crate) fn burns(self) -> bool {
        self == Self::Burner
    }

    /// `provider` is the owner that some name, `hub` the one that one calls.
    pub(crate) fn code(self, provider: Address, hub: Address) -> Bytecode {
        // The word at 0x44 of isValidSignature is the length of the signature.
        let wallet = "0x44 calldataload 0x01 eq 0x1626ba7e 0xe0 shl mul push0 mstore";
        let word = "0x20 push0 return";
        let selector = "push0 calldataload 0xe0 shr";
        let text = match self {
            Self::Wallet => format!("{wallet} {word}"),
            Self::Delegated => return Bytecode::new_eip7702(Self::Wallet.address()),
            Self::Group => format!("0x04 calldataload 0x01 and push0 mstore {word}"),
            Self::Silent => "stop".to_owned(),
            Self::Hostile => format!("0x{} push0 mstore 0x04 0x1c revert", hex::encode(HOSTILE_DATA)),
            Self::Noise => format!("push0 not push0 mstore {word}"),
            Self::Impostor => format!("{provider:#x} push0 mstore {word}"),
            Self::Prober => {
                let data = Bytes::from(Hub::withdrawCall { amount: U256::ZERO }.abi_encode());
                let size = size(&data);
                // A call that succeeds makes the answer wrong.
                let probe = format!(
                    "{size} #0 push0 codecopy push0 push0 {size} push0 push0 {hub:#x} {PROBE_GAS} call"
                );
                let signature = hex::encode(isValidSignatureCall::SELECTOR);
                let group = hex::encode(keyHasPurposeCall::SELECTOR);
                let text = format!(
                    "{selector} dup1 0x{signature} eq @signature jumpi 0x{group} eq @group jumpi {wallet} {word} \
                     signature: {probe} {wallet} push0 mload add push0 mstore {word} \
                     group: {probe} 0x01 add push0 mstore {word}"
                );
                return asm(&text, &[data]);
            }
            Self::Burner => "invalid".to_owned(),
            Self::Short => format!("{wallet} 0x1f push0 return"),
            Self::Verbose => format!("{wallet} 0x{VERBOSE_SIZE:04x} push0 return"),
            Self::YesMan => format!("0x{MAGIC:08x} 0xe0 shl push0 mstore {word}"),
            Self::One => format!("0x01 push0 mstore {word}"),
            Self::Registrar => {
                let asked = hex::encode(isRegisteredCall::SELECTOR);
                format!("{selector} 0x{asked} eq @yes jumpi push0 push0 revert yes: 0x01 push0 mstore {word}")
            }
            Self::Terms => format!(
                "{provider:#x} push0 mstore 0x{:02x} 0x20 mstore 0x{:02x} 0x40 mstore 0x60 push0 return",
                TERMS[0], TERMS[1]
            ),
            Self::Outsider => {
                let asked = hex::encode(ownerCall::SELECTOR);
                format!(
                    "{selector} 0x{asked} eq @yes jumpi 0x{OUTSIDER_RATIO:02x} push0 mstore {word} \
                     yes: {provider:#x} push0 mstore {word}"
                )
            }
            Self::Puppet => return puppet::code(&[]),
        };
        asm(&text, &[])
    }

    /// The return data of a static call, or the revert data.
    pub(crate) fn answer(self, data: &[u8], provider: Address) -> Result<Bytes, Bytes> {
        let magic = U256::from(MAGIC) << 224;
        let agreed = if word_at(data, 0x44) == U256::from(1) { magic } else { U256::ZERO };
        let provider = U256::from_be_bytes(provider.into_word().0);
        let is_asked = |selector: [u8; 4]| data.starts_with(&selector);
        let word = match self {
            Self::Prober if is_asked(keyHasPurposeCall::SELECTOR) => U256::from(1),
            Self::Wallet | Self::Delegated | Self::Prober | Self::Puppet => agreed,
            Self::Group => word_at(data, 4) & U256::from(1),
            Self::Silent => return Ok(Bytes::new()),
            Self::Hostile => return Err(HOSTILE_DATA.into()),
            Self::Noise => U256::MAX,
            Self::Impostor => provider,
            Self::Burner => return Err(Bytes::new()),
            Self::Short => return Ok(agreed.to_be_bytes::<32>()[..31].to_vec().into()),
            Self::Verbose => {
                let mut answer = agreed.to_be_bytes::<32>().to_vec();
                answer.resize(VERBOSE_SIZE, 0);
                return Ok(answer.into());
            }
            Self::YesMan => magic,
            Self::One => U256::from(1),
            Self::Registrar if is_asked(isRegisteredCall::SELECTOR) => U256::from(1),
            Self::Registrar => return Err(Bytes::new()),
            Self::Terms => {
                let words = [provider, U256::from(TERMS[0]), U256::from(TERMS[1])];
                return Ok(words.map(|word| word.to_be_bytes::<32>()).concat().into());
            }
            Self::Outsider if is_asked(ownerCall::SELECTOR) => provider,
            Self::Outsider => U256::from(OUTSIDER_RATIO),
        };
        Ok(word.to_be_bytes::<32>().into())
    }
}

/// A length as two bytes to push.
pub(crate) fn size(bytes: &[u8]) -> String {
    format!("0x{:04x}", u16::try_from(bytes.len()).expect("less than 64 KiB"))
}

fn word_at(data: &[u8], offset: usize) -> U256 {
    let mut word = [0; 32];
    for (byte, &from) in word.iter_mut().zip(data.iter().skip(offset)) {
        *byte = from;
    }
    U256::from_be_bytes(word)
}
