//! Code of the contracts that a deployment creates, from the committed artifacts.

use std::sync::OnceLock;

use alloy_primitives::Bytes;

/// A contract that a deployment creates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contract {
    /// The base token.
    Rlc,
    /// Escrow and SRLC.
    EscrowModule,
    /// Order management and relay.
    OrdersModule,
    /// Classic deals.
    MatchingModule,
    /// The life of a task.
    TasksModule,
    /// Boost deals.
    BoostModule,
    /// Read access.
    AccessorsModule,
    /// Read access with flat outputs.
    LegacyModule,
    /// Set-up, categories, ownership.
    ConfigurationModule,
    /// ERC-2535 views.
    LoupeModule,
    /// The router: the one address that clients see.
    Hub,
    /// Registry of applications.
    AppRegistry,
    /// Registry of datasets.
    DatasetRegistry,
    /// Registry of workerpools.
    WorkerpoolRegistry,
    /// Datasets with a schema.
    DataProtector,
}

/// Number of contracts.
const CONTRACTS: usize = Contract::DataProtector as usize + 1;

/// The part of an artifact that deployment needs.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Artifact {
    contract_name: String,
    bytecode: Bytes,
    deployed_bytecode: Bytes,
    immutables: Vec<Immutable>,
}

/// Bytes of the deployed code that the constructor fills in.
#[derive(serde::Deserialize)]
struct Immutable {
    start: usize,
    length: usize,
}

macro_rules! artifact {
    ($name:literal) => {
        include_str!(concat!("../../../contracts/artifacts/", $name, ".json"))
    };
}

impl Contract {
    /// Its name in the sources.
    pub fn name(self) -> &'static str {
        &self.artifact().contract_name
    }

    /// What a transaction that creates it begins with; the arguments of the constructor follow.
    pub fn creation_code(self) -> &'static Bytes {
        &self.artifact().bytecode
    }

    /// Its code on a chain, with zeros where the constructor fills in.
    pub fn deployed_code(self) -> &'static Bytes {
        &self.artifact().deployed_bytecode
    }

    /// Whether `code`, found on a chain, is that of this contract, whatever its constructor was told.
    pub fn has_code(self, code: &[u8]) -> bool {
        let artifact = self.artifact();
        let mut expected = artifact.deployed_bytecode.to_vec();
        if code.len() != expected.len() {
            return false;
        }
        for &Immutable { start, length } in &artifact.immutables {
            expected[start..start + length].copy_from_slice(&code[start..start + length]);
        }
        expected == code
    }

    fn artifact(self) -> &'static Artifact {
        static ARTIFACTS: [OnceLock<Artifact>; CONTRACTS] = [const { OnceLock::new() }; CONTRACTS];
        ARTIFACTS[self as usize].get_or_init(|| {
            serde_json::from_str(self.text()).expect("artifacts are written by the build script")
        })
    }

    fn text(self) -> &'static str {
        match self {
            Self::Rlc => artifact!("RLC"),
            Self::EscrowModule => artifact!("EscrowModule"),
            Self::OrdersModule => artifact!("OrdersModule"),
            Self::MatchingModule => artifact!("MatchingModule"),
            Self::TasksModule => artifact!("TasksModule"),
            Self::BoostModule => artifact!("BoostModule"),
            Self::AccessorsModule => artifact!("AccessorsModule"),
            Self::LegacyModule => artifact!("LegacyModule"),
            Self::ConfigurationModule => artifact!("ConfigurationModule"),
            Self::LoupeModule => artifact!("LoupeModule"),
            Self::Hub => artifact!("Hub"),
            Self::AppRegistry => artifact!("AppRegistry"),
            Self::DatasetRegistry => artifact!("DatasetRegistry"),
            Self::WorkerpoolRegistry => artifact!("WorkerpoolRegistry"),
            Self::DataProtector => artifact!("DataProtector"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_recognized_whatever_the_constructor_filled_in() {
        let mut code = Contract::Hub.deployed_code().to_vec();
        let filled = Contract::Hub.artifact().immutables[0].start;
        assert!(Contract::Hub.has_code(&code));
        code[filled] ^= 1;
        assert!(Contract::Hub.has_code(&code));
        code[0] ^= 1;
        assert!(!Contract::Hub.has_code(&code));
        assert!(!Contract::Hub.has_code(&[]));
        assert!(!Contract::AppRegistry.has_code(Contract::DatasetRegistry.deployed_code()));
    }
}
