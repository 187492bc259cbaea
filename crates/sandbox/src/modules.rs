//! From a file to a compiled module: refused with a name, or kept by digest, in memory and on disk.
//!
//! On disk it is wasmtime's own cache, keyed by module and engine settings; in memory the least recently used go
//! first. Compiling the same module twice at once is avoided: the second waits for the first.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};
use wasmtime::{Engine, ExternType, InstancePre, Linker, Module, UnknownImportError, component};

use crate::limits::{CODE_IN_MEMORY_BYTES_MAX, MODULE_BYTES_MAX, MODULES_IN_MEMORY_MAX};
use crate::{Failure, LooksLike, package, preview1, preview2};

const MAGIC: &[u8] = b"\0asm";
/// Version and layer words after the magic.
const CORE: [u8; 4] = [1, 0, 0, 0];
const COMPONENT: [u8; 4] = [0x0d, 0, 1, 0];

type Key = [u8; 32];
/// Filled by the first who needs the module, under its lock.
type Slot = Arc<Mutex<Option<Application>>>;

/// What a file holds, checked, compiled and linked.
#[derive(Clone)]
pub(crate) enum Application {
    /// A command module for WASI preview 1.
    Module(InstancePre<preview1::Process>),
    /// A command component for WASI 0.2.
    Component(preview2::CommandPre<preview2::Process>),
}

impl Application {
    fn code_bytes(&self) -> usize {
        let range = match self {
            Self::Module(module) => module.module().image_range(),
            Self::Component(component) => component.instance_pre().component().image_range(),
        };
        range.end as usize - range.start as usize
    }
}

/// Compiled modules and components.
pub(crate) struct Modules {
    modules: Linker<preview1::Process>,
    components: component::Linker<preview2::Process>,
    /// Least recently used first.
    recent: Mutex<Vec<(Key, Slot)>>,
    compilations: AtomicU64,
}

impl Modules {
    /// An empty cache.
    ///
    /// # Errors
    /// If the engine refuses a function of ours.
    pub(crate) fn new(engine: &Engine) -> wasmtime::Result<Self> {
        Ok(Self {
            modules: preview1::linker(engine)?,
            components: preview2::linker(engine)?,
            recent: Mutex::default(),
            compilations: AtomicU64::new(0),
        })
    }

    /// The application in the file, ready to be instantiated.
    pub(crate) fn load(&self, engine: &Engine, path: &Path) -> Result<Application, Failure> {
        let file = read(path)?;
        let bytes = package::wasm_in(&file)?;
        let key = Sha256::digest(&bytes).into();
        let slot = self.slot(key);
        let mut compiled = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ready) = &*compiled {
            return Ok(ready.clone());
        }
        let ready = self.compile(engine, &bytes)?;
        *compiled = Some(ready.clone());
        drop(compiled);
        self.forget_oldest(key);
        Ok(ready)
    }

    /// Modules given to the compiler since the start; it may have found their machine code on disk.
    pub(crate) fn compilations(&self) -> u64 {
        self.compilations.load(Ordering::Relaxed)
    }

    fn slot(&self, key: Key) -> Slot {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = match recent.iter().position(|(other, _)| *other == key) {
            Some(index) => recent.remove(index).1,
            None => Slot::default(),
        };
        recent.push((key, Arc::clone(&slot)));
        while recent.len() > MODULES_IN_MEMORY_MAX {
            recent.remove(0);
        }
        slot
    }

    /// Drops the least recently used modules until the rest fits; the newest stays whatever its size.
    fn forget_oldest(&self, newest: Key) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let size = |slot: &Slot| match slot.try_lock() {
            Ok(compiled) => compiled.as_ref().map_or(0, Application::code_bytes),
            Err(_) => 0,
        };
        let mut total: usize = recent.iter().map(|(_, slot)| size(slot)).sum();
        while total > CODE_IN_MEMORY_BYTES_MAX && recent.first().is_some_and(|(key, _)| *key != newest) {
            total -= size(&recent.remove(0).1);
        }
    }

    fn compile(&self, engine: &Engine, bytes: &[u8]) -> Result<Application, Failure> {
        let layer = layer(bytes)?;
        self.compilations.fetch_add(1, Ordering::Relaxed);
        match layer {
            Layer::Module => self.module(engine, bytes).map(Application::Module),
            Layer::Component => {
                preview2::compile(&self.components, engine, bytes).map(Application::Component)
            }
        }
    }

    fn module(&self, engine: &Engine, bytes: &[u8]) -> Result<InstancePre<preview1::Process>, Failure> {
        let module = Module::from_binary(engine, bytes).map_err(|error| Failure::Invalid(reason(&error)))?;
        check_start(&module)?;
        self.modules.instantiate_pre(&module).map_err(|error| match error.downcast::<UnknownImportError>() {
            Ok(unknown) => Failure::MissingImport {
                module: unknown.module().to_owned(),
                name: unknown.name().to_owned(),
            },
            Err(error) => Failure::WrongImport(reason(&error)),
        })
    }
}

/// The whole chain of an engine error in one line.
pub(crate) fn reason(error: &wasmtime::Error) -> String {
    format!("{error:#}")
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let file = File::open(path).map_err(Failure::ModuleUnreadable)?;
    let size_bytes = file.metadata().map_err(Failure::ModuleUnreadable)?.len();
    if size_bytes > MODULE_BYTES_MAX {
        return Err(Failure::ModuleTooLarge { size_bytes, limit_bytes: MODULE_BYTES_MAX });
    }
    let mut bytes = Vec::new();
    file.take(MODULE_BYTES_MAX).read_to_end(&mut bytes).map_err(Failure::ModuleUnreadable)?;
    Ok(bytes)
}

/// Which kind of binary the first bytes announce.
enum Layer {
    Module,
    Component,
}

fn layer(bytes: &[u8]) -> Result<Layer, Failure> {
    if !bytes.starts_with(MAGIC) {
        return Err(Failure::NotWebAssembly(LooksLike::guess(bytes)));
    }
    match bytes.get(4..8) {
        Some(version) if version == CORE => Ok(Layer::Module),
        Some(version) if version == COMPONENT => Ok(Layer::Component),
        Some(version) => Err(Failure::Invalid(format!("unknown binary version {version:02x?}"))),
        None => Err(Failure::Invalid("it ends after the first bytes".to_owned())),
    }
}

fn check_start(module: &Module) -> Result<(), Failure> {
    match module.get_export("_start") {
        Some(ExternType::Func(start)) if start.params().len() == 0 && start.results().len() == 0 => Ok(()),
        _ => Err(Failure::NoStart),
    }
}
