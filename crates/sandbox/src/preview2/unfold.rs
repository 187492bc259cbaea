//! How large a component becomes when the components inside it are instantiated.
//!
//! The engine copies the definitions of a component each time that it is instantiated, level by level, before it looks at
//! any limit: a few hundred bytes of components that instantiate each other twice would fill this machine's memory. So
//! the size is counted beforehand, without doing it.

use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind, Encoding, Parser,
    Payload,
};

use crate::Failure;
use crate::limits::COMPONENT_UNFOLDED_BYTES_MAX;

/// Size of what is passed in from elsewhere. It cannot be known here, and no tool makes components that instantiate it.
const UNKNOWN: u64 = u64::MAX;

/// A component or module whose end is not reached yet.
struct Scope {
    /// Whether its sections count; a module is compiled once, however often it is instantiated.
    component: bool,
    /// Its own definitions and those of all that it instantiates, in bytes.
    bytes: u64,
    /// The same of each component that it can name.
    components: Vec<u64>,
}

/// Refuses a component that would unfold to more than [`COMPONENT_UNFOLDED_BYTES_MAX`].
pub(super) fn check(bytes: &[u8]) -> Result<(), Failure> {
    match unfolded_bytes(bytes) {
        Some(UNKNOWN) => Err(Failure::TooManyParts("components are passed between components".to_owned())),
        Some(size) if size > COMPONENT_UNFOLDED_BYTES_MAX => Err(Failure::TooManyParts(format!(
            "its components unfold to {size} bytes, at most {COMPONENT_UNFOLDED_BYTES_MAX} are taken"
        ))),
        Some(_) => Ok(()),
        // The compiler stops at the same place and says why.
        None => Ok(()),
    }
}

/// The size of the outermost component, or `None` if it is malformed.
fn unfolded_bytes(bytes: &[u8]) -> Option<u64> {
    let mut open: Vec<Scope> = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.ok()?;
        match payload {
            Payload::Version { encoding, .. } => {
                let component = encoding == Encoding::Component;
                open.push(Scope { component, bytes: 0, components: Vec::new() });
            }
            Payload::End(_) => {
                let ended = open.pop()?;
                match open.last_mut() {
                    Some(outer) if ended.component => outer.components.push(ended.bytes),
                    Some(_) => {}
                    None => return Some(ended.bytes),
                }
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } | Payload::CustomSection(_) => {}
            section if open.last()?.component => define(&mut open, &section)?,
            _ => {}
        }
    }
    None
}

/// Never [`UNKNOWN`] unless a summand is.
fn sum(size: u64, more: u64) -> u64 {
    if size == UNKNOWN || more == UNKNOWN { UNKNOWN } else { size.saturating_add(more).min(UNKNOWN - 1) }
}

/// Counts a section of the innermost component.
fn define(open: &mut [Scope], section: &Payload<'_>) -> Option<()> {
    let (here, outer) = open.split_last_mut()?;
    if let Some((_, range)) = section.as_section() {
        here.bytes = sum(here.bytes, range.len() as u64);
    }
    match section {
        Payload::ComponentInstanceSection(instances) => {
            for instance in instances.clone() {
                if let ComponentInstance::Instantiate { component_index, .. } = instance.ok()? {
                    let part = *here.components.get(component_index as usize)?;
                    here.bytes = sum(here.bytes, part);
                }
            }
        }
        Payload::ComponentAliasSection(aliases) => {
            for alias in aliases.clone() {
                match alias.ok()? {
                    ComponentAlias::Outer { kind: ComponentOuterAliasKind::Component, count: 0, index } => {
                        here.components.push(*here.components.get(index as usize)?);
                    }
                    ComponentAlias::Outer { kind: ComponentOuterAliasKind::Component, count, index } => {
                        let scope = outer.len().checked_sub(count as usize)?;
                        here.components.push(*outer.get(scope)?.components.get(index as usize)?);
                    }
                    ComponentAlias::InstanceExport { kind: ComponentExternalKind::Component, .. } => {
                        here.components.push(UNKNOWN);
                    }
                    _ => {}
                }
            }
        }
        Payload::ComponentImportSection(imports) => {
            for import in imports.clone() {
                if import.ok()?.ty.kind() == ComponentExternalKind::Component {
                    here.components.push(UNKNOWN);
                }
            }
        }
        Payload::ComponentExportSection(exports) => {
            for export in exports.clone() {
                let export = export.ok()?;
                if export.kind == ComponentExternalKind::Component {
                    // What is exported gets a further number.
                    here.components.push(*here.components.get(export.index as usize)?);
                }
            }
        }
        _ => {}
    }
    Some(())
}
