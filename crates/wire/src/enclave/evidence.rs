use std::fmt;

use alloy_primitives::{Address, B256, Bytes, keccak256};
use alloy_sol_types::{Eip712Domain, SolStruct, eip712_domain};
use metacloud_protocol::TaskId;
use metacloud_protocol::signing::{self, SIGNATURE_BYTES, SigningKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

/// First bytes of what a measurement hashes.
const MEASUREMENT_DOMAIN: &[u8] = b"metacloud enclave v1";
/// First bytes of a report's canonical form.
const REPORT_DOMAIN: &[u8] = b"metacloud enclave report v1";
/// Farthest that a statement may expire after the moment of the check, in seconds: one week, past the final deadline of
/// the longest standard category.
pub const LIFE_S_MAX: u64 = 7 * 24 * 3_600;

/// What stands behind an enclave's report. Further kinds come with hardware; an unknown one does not parse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum EnclaveKind {
    /// A sandboxed process of the worker's machine, its report signed by a key in a file: protects from nobody who
    /// controls that machine.
    Simulation,
}

impl EnclaveKind {
    /// The name in JSON and in settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Simulation => "simulation",
        }
    }

    /// The byte in a report's canonical form.
    const fn code(self) -> u8 {
        match self {
            Self::Simulation => 1,
        }
    }
}

impl fmt::Display for EnclaveKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// SHA-256 over what runs: the domain, then the SHA-256 of the enclave's program (the executable file), of the
/// application's bytes (its checksum on chain) and of the canonical configuration (JSON of limits and runtime version;
/// arguments of the application are not part of it).
pub fn measurement(program: B256, application: B256, configuration: B256) -> B256 {
    let mut hash = Sha256::new();
    hash.update(MEASUREMENT_DOMAIN);
    for part in [program, application, configuration] {
        hash.update(part);
    }
    B256::from_slice(&hash.finalize())
}

/// What the root of trust vouches for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// What stands behind the report.
    pub kind: EnclaveKind,
    /// Of the code and configuration that run; see [`measurement`].
    #[schema(value_type = crate::schema::Bytes32)]
    pub measurement: B256,
    /// [`Statement::digest`] of the enclave's statement.
    #[schema(value_type = crate::schema::Bytes32)]
    pub statement: B256,
}

impl Report {
    /// What the simulation root signs: Keccak-256 of the domain, the kind's byte, measurement and statement.
    pub fn digest(&self) -> B256 {
        keccak256(
            [REPORT_DOMAIN, &[self.kind.code()], self.measurement.as_slice(), self.statement.as_slice()]
                .concat(),
        )
    }
}

/// What an enclave says about itself: its keys, and the task that it serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Statement {
    /// Chain of the task.
    pub chain_id: u64,
    /// Hub of the task.
    #[schema(value_type = crate::schema::AddressText)]
    pub hub: Address,
    /// The task.
    #[schema(value_type = crate::schema::Bytes32)]
    pub task_id: TaskId,
    /// Account that contributes.
    #[schema(value_type = crate::schema::AddressText)]
    pub worker: Address,
    /// Account of the enclave's signing key: the `enclaveChallenge` on chain.
    #[schema(value_type = crate::schema::AddressText)]
    pub enclave: Address,
    /// X25519 public key that secrets are sealed to.
    #[schema(value_type = crate::schema::Bytes32)]
    pub seal_key: B256,
    /// Last moment of the statement, in seconds since the epoch.
    pub expires: u64,
}

mod typed {
    alloy_sol_types::sol! {
        struct Statement {
            bytes32 task;
            address worker;
            address enclave;
            bytes32 sealKey;
            uint64 expires;
        }
    }
}

impl Statement {
    /// EIP-712 digest, domain `{name "metacloud enclave", version "1", chainId, verifyingContract hub}`.
    pub fn digest(&self) -> B256 {
        let domain: Eip712Domain = eip712_domain! {
            name: "metacloud enclave",
            version: "1",
            chain_id: self.chain_id,
            verifying_contract: self.hub,
        };
        let message = typed::Statement {
            task: self.task_id.0,
            worker: self.worker,
            enclave: self.enclave,
            sealKey: self.seal_key,
            expires: self.expires,
        };
        message.eip712_signing_hash(&domain)
    }
}

/// Roots that a service admits, and the place whose tasks it serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roots {
    /// Chain of the service.
    pub chain_id: u64,
    /// Hub of the service.
    pub hub: Address,
    /// Accounts of the simulation roots admitted. Empty: simulated enclaves are not admitted.
    pub simulation: Vec<Address>,
}

/// A statement, the report that binds it to a measurement, and the root's signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// By the enclave.
    pub statement: Statement,
    /// About the enclave.
    pub report: Report,
    /// For a simulation: `r ‖ s ‖ v` of the simulation root over [`Report::digest`], unprefixed.
    #[schema(value_type = crate::schema::HexBytes)]
    pub signature: Bytes,
}

/// Why evidence is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// Made for tasks of another chain or hub.
    #[error("the evidence is for chain {chain_id} and hub {hub}, not for those of this service")]
    Elsewhere {
        /// Its chain.
        chain_id: u64,
        /// Its hub.
        hub: Address,
    },
    /// Its time is over.
    #[error("the evidence expired at {expires}, it is {now} (seconds since the epoch)")]
    Expired {
        /// Its last moment, in seconds since the epoch.
        expires: u64,
        /// The moment of the check.
        now: u64,
    },
    /// It would live longer than [`LIFE_S_MAX`].
    #[error("the evidence lives until {expires}, more than {LIFE_S_MAX} s from now")]
    TooLong {
        /// Its last moment, in seconds since the epoch.
        expires: u64,
    },
    /// The report is about another statement.
    #[error("the report is not about this statement")]
    OtherStatement,
    /// A key that cannot be one.
    #[error("the statement names no enclave or no key to seal to")]
    NoKey,
    /// No simulation root is admitted.
    #[error("simulated enclaves are not admitted here")]
    SimulationNotAdmitted,
    /// Not signed by a root that is admitted.
    #[error("the report is not signed by a root that is admitted here")]
    UnknownRoot,
}

impl Evidence {
    /// Evidence of a simulated enclave, signed by the simulation root.
    pub fn simulated(statement: Statement, measurement: B256, root: &SigningKey) -> Self {
        let report = Report { kind: EnclaveKind::Simulation, measurement, statement: statement.digest() };
        let signature = Bytes::copy_from_slice(&signing::sign(root, report.digest()));
        Self { statement, report, signature }
    }

    /// Checks place, time, binding and root at the moment `now_s` (seconds since the epoch).
    ///
    /// Nothing about chain or authorization: that the task exists and that its pool let this worker and this enclave
    /// serve it is for the caller to look up.
    ///
    /// # Errors
    /// [`EvidenceError`] names the first check that failed.
    pub fn verify(&self, roots: &Roots, now_s: u64) -> Result<Verified, EvidenceError> {
        let Self { statement, report, signature } = self;
        let Statement { chain_id, hub, expires, .. } = *statement;
        if (chain_id, hub) != (roots.chain_id, roots.hub) {
            return Err(EvidenceError::Elsewhere { chain_id, hub });
        }
        if expires <= now_s {
            return Err(EvidenceError::Expired { expires, now: now_s });
        }
        if expires - now_s > LIFE_S_MAX {
            return Err(EvidenceError::TooLong { expires });
        }
        if statement.enclave.is_zero() || statement.seal_key.is_zero() {
            return Err(EvidenceError::NoKey);
        }
        if report.statement != statement.digest() {
            return Err(EvidenceError::OtherStatement);
        }
        match report.kind {
            EnclaveKind::Simulation if roots.simulation.is_empty() => {
                return Err(EvidenceError::SimulationNotAdmitted);
            }
            EnclaveKind::Simulation => {
                // The long form only: one piece of evidence has one encoding.
                let root = (signature.len() == SIGNATURE_BYTES)
                    .then(|| signing::recover(report.digest(), signature))
                    .flatten();
                if !root.is_some_and(|root| roots.simulation.contains(&root)) {
                    return Err(EvidenceError::UnknownRoot);
                }
            }
        }
        Ok(Verified {
            statement: *statement,
            kind: report.kind,
            measurement: report.measurement,
            digest: report.statement,
        })
    }
}

/// Evidence that [`Evidence::verify`] has taken; nothing else makes this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    statement: Statement,
    kind: EnclaveKind,
    measurement: B256,
    digest: B256,
}

impl Verified {
    /// What the enclave says.
    pub fn statement(&self) -> &Statement {
        &self.statement
    }

    /// What stands behind it.
    pub fn kind(&self) -> EnclaveKind {
        self.kind
    }

    /// Of what runs.
    pub fn measurement(&self) -> B256 {
        self.measurement
    }

    /// [`Statement::digest`]: associated data of what is sealed to the enclave.
    pub fn digest(&self) -> B256 {
        self.digest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{U256, address, b256};
    use metacloud_protocol::signing::{address_of, key_from_bytes};

    const NOW_S: u64 = 1_768_471_200;
    const HUB: Address = address!("1111111111111111111111111111111111111111");

    fn key(number: u64) -> SigningKey {
        key_from_bytes(&U256::from(number).into()).unwrap()
    }

    fn statement() -> Statement {
        Statement {
            chain_id: 65_535,
            hub: HUB,
            task_id: TaskId(B256::repeat_byte(0x33)),
            worker: Address::repeat_byte(0x44),
            enclave: address_of(&key(2)),
            seal_key: B256::repeat_byte(0x55),
            expires: NOW_S + 60,
        }
    }

    fn roots() -> Roots {
        Roots { chain_id: 65_535, hub: HUB, simulation: vec![address_of(&key(8)), address_of(&key(9))] }
    }

    fn evidence() -> Evidence {
        Evidence::simulated(statement(), B256::repeat_byte(0x66), &key(9))
    }

    #[test]
    fn evidence_of_an_admitted_root_is_taken() {
        let verified = evidence().verify(&roots(), NOW_S).unwrap();
        assert_eq!(verified.statement(), &statement());
        assert_eq!(verified.kind(), EnclaveKind::Simulation);
        assert_eq!(verified.measurement(), B256::repeat_byte(0x66));
        assert_eq!(verified.digest(), statement().digest());
    }

    #[test]
    fn every_changed_member_of_a_statement_breaks_the_binding() {
        let changes: [fn(&mut Statement); 5] = [
            |s| s.task_id = TaskId(B256::repeat_byte(0x34)),
            |s| s.worker = Address::repeat_byte(0x45),
            |s| s.enclave = address_of(&key(3)),
            |s| s.seal_key = B256::repeat_byte(0x56),
            |s| s.expires += 1,
        ];
        for change in changes {
            let mut forged = evidence();
            change(&mut forged.statement);
            assert_eq!(forged.verify(&roots(), NOW_S), Err(EvidenceError::OtherStatement));
            // With the report following the statement the root's signature no longer fits.
            forged.report.statement = forged.statement.digest();
            assert_eq!(forged.verify(&roots(), NOW_S), Err(EvidenceError::UnknownRoot));
        }
    }

    #[test]
    fn forged_reports_and_signatures_are_refused() {
        let mut other_code = evidence();
        other_code.report.measurement = B256::repeat_byte(0x67);
        let mut cut = evidence();
        cut.signature = cut.signature.slice(..64);
        let mut none = evidence();
        none.signature = Bytes::new();
        let mut compact = evidence().signature[..64].to_vec();
        compact[32] |= (evidence().signature[64] - 27) << 7;
        let compact = Evidence { signature: compact.into(), ..evidence() };
        let other_root = Evidence::simulated(statement(), B256::repeat_byte(0x66), &key(10));
        for forged in [other_code, cut, none, compact, other_root] {
            assert_eq!(forged.verify(&roots(), NOW_S), Err(EvidenceError::UnknownRoot));
        }
    }

    #[test]
    fn evidence_serves_within_its_time() {
        assert!(evidence().verify(&roots(), NOW_S + 59).is_ok());
        let expires = NOW_S + 60;
        for now in [expires, expires + 1, u64::MAX] {
            assert_eq!(evidence().verify(&roots(), now), Err(EvidenceError::Expired { expires, now }));
        }
        let forever = Statement { expires: u64::MAX, ..statement() };
        let forever = Evidence::simulated(forever, B256::ZERO, &key(9));
        assert_eq!(forever.verify(&roots(), NOW_S), Err(EvidenceError::TooLong { expires: u64::MAX }));
    }

    #[test]
    fn evidence_of_another_chain_or_hub_is_refused() {
        let elsewhere = [
            Statement { chain_id: 1, ..statement() },
            Statement { hub: Address::repeat_byte(0x12), ..statement() },
        ];
        for elsewhere in elsewhere {
            let evidence = Evidence::simulated(elsewhere, B256::ZERO, &key(9));
            let Statement { chain_id, hub, .. } = elsewhere;
            assert_eq!(evidence.verify(&roots(), NOW_S), Err(EvidenceError::Elsewhere { chain_id, hub }));
        }
    }

    #[test]
    fn without_a_root_no_simulation_is_admitted() {
        let none = Roots { simulation: Vec::new(), ..roots() };
        assert_eq!(evidence().verify(&none, NOW_S), Err(EvidenceError::SimulationNotAdmitted));
    }

    #[test]
    fn an_enclave_without_keys_is_none() {
        let keyless = [
            Statement { enclave: Address::ZERO, ..statement() },
            Statement { seal_key: B256::ZERO, ..statement() },
        ];
        for keyless in keyless {
            let evidence = Evidence::simulated(keyless, B256::ZERO, &key(9));
            assert_eq!(evidence.verify(&roots(), NOW_S), Err(EvidenceError::NoKey));
        }
    }

    #[test]
    fn json_is_camel_case_and_unknown_kinds_and_members_do_not_parse() {
        let json = serde_json::to_value(evidence()).unwrap();
        assert_eq!(json["report"]["kind"], "simulation");
        assert_eq!(json["statement"]["taskId"], serde_json::json!(B256::repeat_byte(0x33)));
        assert_eq!(serde_json::from_value::<Evidence>(json.clone()).unwrap(), evidence());
        for (pointer, value) in [
            ("/report/kind", serde_json::json!("sgx")),
            ("/report/kind", serde_json::json!("Simulation")),
            ("/statement/chainId", serde_json::json!(-1)),
            ("/statement/sealKey", serde_json::json!("0x55")),
            ("/signature", serde_json::json!("0xzz")),
        ] {
            let mut bad = json.clone();
            *bad.pointer_mut(pointer).unwrap() = value;
            assert!(serde_json::from_value::<Evidence>(bad).is_err(), "{pointer}");
        }
        let mut more = json;
        more["statement"]["admin"] = serde_json::json!(true);
        assert!(serde_json::from_value::<Evidence>(more).is_err());
    }

    /// Fixed values: a change of the encoding would strand enclaves and services of different versions.
    #[test]
    fn digests_stay_what_they_are() {
        let by_hand = keccak256(
            [
                &[0x19, 0x01],
                keccak256(
                    [
                        keccak256(
                            "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)",
                        ),
                        keccak256("metacloud enclave"),
                        keccak256("1"),
                        U256::from(65_535).into(),
                        HUB.into_word(),
                    ]
                    .concat(),
                )
                .as_slice(),
                keccak256(
                    [
                        keccak256(
                            "Statement(bytes32 task,address worker,address enclave,bytes32 sealKey,uint64 expires)",
                        ),
                        B256::repeat_byte(0x33),
                        Address::repeat_byte(0x44).into_word(),
                        address_of(&key(2)).into_word(),
                        B256::repeat_byte(0x55),
                        U256::from(NOW_S + 60).into(),
                    ]
                    .concat(),
                )
                .as_slice(),
            ]
            .concat(),
        );
        assert_eq!(statement().digest(), by_hand);
        assert_eq!(
            measurement(B256::repeat_byte(1), B256::repeat_byte(2), B256::repeat_byte(3)),
            b256!("4d4df18933ea73cc723e6e3842a85d037eb7c963c4e47046e8124f040bcb8d01"),
        );
    }
}
