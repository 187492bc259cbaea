use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{ArrayBuilder, Schema};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use crate::enclave::EnclaveKind;

/// How much stands behind an enclave, whatever its maker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// A root of trust of a hardware maker.
    Hardware,
    /// A key in a file: protects from nobody who controls the worker's machine.
    Simulation,
}

impl Level {
    /// The name in JSON, messages and settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hardware => "hardware",
            Self::Simulation => "simulation",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl EnclaveKind {
    /// How much stands behind enclaves of this kind.
    pub const fn level(self) -> Level {
        match self {
            Self::Simulation => Level::Simulation,
        }
    }
}

/// Which enclaves may receive a secret: at least one level, each once. In JSON a list, `["hardware"]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<Level>", into = "Vec<Level>")]
pub struct Policy {
    hardware: bool,
    simulation: bool,
}

impl PartialSchema for Policy {
    fn schema() -> RefOr<Schema> {
        let level = Ref::from_schema_name(<Level as ToSchema>::name());
        let list = ArrayBuilder::new().items(level).min_items(Some(1)).max_items(Some(2)).unique_items(true);
        Schema::from(list).into()
    }
}

impl ToSchema for Policy {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((<Level as ToSchema>::name().into_owned(), Level::schema()));
    }
}

/// Why a list of levels is no policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a policy is a list of `hardware` and `simulation`, each at most once, one at least")]
pub struct PolicyError;

impl Policy {
    /// Hardware alone.
    pub const HARDWARE: Self = Self { hardware: true, simulation: false };
    /// Any enclave; for development.
    pub const ANY: Self = Self { hardware: true, simulation: true };

    /// Whether an enclave of this level may receive the secret.
    pub const fn admits(self, level: Level) -> bool {
        match level {
            Level::Hardware => self.hardware,
            Level::Simulation => self.simulation,
        }
    }

    /// The levels, in the order of their names.
    pub fn levels(self) -> impl Iterator<Item = Level> {
        [Level::Hardware, Level::Simulation].into_iter().filter(move |level| self.admits(*level))
    }
}

impl TryFrom<Vec<Level>> for Policy {
    type Error = PolicyError;

    fn try_from(levels: Vec<Level>) -> Result<Self, PolicyError> {
        let policy = Self {
            hardware: levels.contains(&Level::Hardware),
            simulation: levels.contains(&Level::Simulation),
        };
        let distinct = policy.levels().count();
        if distinct == 0 || distinct != levels.len() { Err(PolicyError) } else { Ok(policy) }
    }
}

impl From<Policy> for Vec<Level> {
    fn from(policy: Policy) -> Self {
        policy.levels().collect()
    }
}

/// Reads `hardware` or `hardware,simulation`.
impl FromStr for Policy {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let levels = text.split(',').map(|name| {
            let level = [Level::Hardware, Level::Simulation].into_iter().find(|level| level.name() == name);
            level.ok_or(PolicyError)
        });
        levels.collect::<Result<Vec<Level>, PolicyError>>()?.try_into()
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, level) in self.levels().enumerate() {
            write!(f, "{}{level}", if index > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_lists_of_one_or_two_levels() {
        for (text, policy) in
            [("[\"hardware\"]", Policy::HARDWARE), ("[\"simulation\",\"hardware\"]", Policy::ANY)]
        {
            assert_eq!(serde_json::from_str::<Policy>(text).unwrap(), policy);
            assert_eq!(policy.to_string().parse(), Ok(policy));
        }
        for text in ["[]", "[\"any\"]", "[\"hardware\",\"hardware\"]", "\"hardware\"", "null"] {
            assert!(serde_json::from_str::<Policy>(text).is_err(), "{text}");
        }
        for text in ["", "any", "hardware,", "hardware,hardware", "hardware simulation"] {
            assert_eq!(text.parse::<Policy>(), Err(PolicyError), "{text}");
        }
    }

    #[test]
    fn a_simulation_is_not_hardware() {
        assert!(!Policy::HARDWARE.admits(EnclaveKind::Simulation.level()));
        assert!(Policy::ANY.admits(EnclaveKind::Simulation.level()));
    }
}
