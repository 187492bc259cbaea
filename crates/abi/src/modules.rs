//! Code of the hub's modules. Their interfaces are part of the hub's; only deployment needs the code.

use alloy_primitives::Bytes;

/// Artifact of each module, by contract name.
const ARTIFACTS: [(&str, &str); 9] = [
    ("EscrowModule", include_str!("../../../contracts/artifacts/EscrowModule.json")),
    ("OrdersModule", include_str!("../../../contracts/artifacts/OrdersModule.json")),
    ("MatchingModule", include_str!("../../../contracts/artifacts/MatchingModule.json")),
    ("TasksModule", include_str!("../../../contracts/artifacts/TasksModule.json")),
    ("BoostModule", include_str!("../../../contracts/artifacts/BoostModule.json")),
    ("AccessorsModule", include_str!("../../../contracts/artifacts/AccessorsModule.json")),
    ("LegacyModule", include_str!("../../../contracts/artifacts/LegacyModule.json")),
    ("ConfigurationModule", include_str!("../../../contracts/artifacts/ConfigurationModule.json")),
    ("LoupeModule", include_str!("../../../contracts/artifacts/LoupeModule.json")),
];

/// The part of an artifact that deployment needs.
#[derive(serde::Deserialize)]
struct Artifact {
    bytecode: Bytes,
}

/// Creation code of a module.
pub(crate) fn creation_code(name: &str) -> Bytes {
    let (_, text) =
        ARTIFACTS.iter().find(|(known, _)| *known == name).expect("callers name modules of the list above");
    let artifact: Artifact = serde_json::from_str(text).expect("artifacts are written by the build script");
    artifact.bytecode
}
