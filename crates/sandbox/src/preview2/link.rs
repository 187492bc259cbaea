//! From a compiled component to one that can be started, or a name for what is missing.

use wasmtime::Engine;
use wasmtime::component::types::{ComponentFunc, ComponentItem, Type};
use wasmtime::component::{Component, HasSelf, Linker};

use super::bindings::{Command, CommandPre};
use super::process::Process;
use super::{sockets, unfold};
use crate::Failure;
use crate::modules::reason;

/// What a command exports; any 0.2 version of it will do.
const RUN: &str = "wasi:cli/run@0.2.12";

/// Every function of the interfaces in `wit/`, and the names of the sockets.
///
/// # Errors
/// If the engine refuses a function type, which would be a fault of ours.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<Process>> {
    let mut linker = Linker::new(engine);
    Command::add_to_linker::<_, HasSelf<Process>>(&mut linker, |process| process)?;
    sockets::add_to_linker(&mut linker)?;
    Ok(linker)
}

/// Compiles a component and ties it to what it imports.
pub(crate) fn compile(
    linker: &Linker<Process>,
    engine: &Engine,
    bytes: &[u8],
) -> Result<CommandPre<Process>, Failure> {
    unfold::check(bytes)?;
    let component = Component::from_binary(engine, bytes);
    let component = component.map_err(|error| Failure::Invalid(reason(&error)))?;
    check_run(&component)?;
    let linked = linker.instantiate_pre(&component).map_err(|error| missing(&error))?;
    CommandPre::new(linked).map_err(|_| Failure::NoRun)
}

/// The component must export `run: func() -> result`.
fn check_run(component: &Component) -> Result<(), Failure> {
    let interface = component.get_export_index(None, RUN);
    match interface.and_then(|interface| component.get_export(Some(&interface), "run")) {
        Some((ComponentItem::ComponentFunc(run), _)) if run.params().len() == 0 && gives_result(&run) => {
            Ok(())
        }
        _ => Err(Failure::NoRun),
    }
}

fn gives_result(run: &ComponentFunc) -> bool {
    let mut results = run.results();
    matches!((results.next(), results.next()), (Some(Type::Result(result)), None)
        if result.ok().is_none() && result.err().is_none())
}

/// Names the import that nothing matches. The engine tells it in words alone: the interface in the first, the function
/// in the second, each between backticks, and the reason in the last.
fn missing(error: &wasmtime::Error) -> Failure {
    let reasons: Vec<String> = error.chain().map(ToString::to_string).collect();
    let mut names = reasons.iter().filter_map(|reason| reason.split('`').nth(1).map(str::to_owned));
    match (names.next(), reasons.last()) {
        (Some(module), Some(reason)) if reason.ends_with("implementation is missing") => {
            Failure::MissingImport { module, name: names.next().unwrap_or_default() }
        }
        _ => Failure::WrongImport(reasons.join(": ")),
    }
}
