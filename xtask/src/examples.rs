//! `cargo xtask examples`: C sources to the WebAssembly that is committed beside them, some of it as a component too.
//!
//! Knows: which module is made of which source with which options, and the tools that give the same bytes everywhere:
//! those of Debian 12. Needs no network; the compiler, the linker and the C library are Debian packages, and what makes
//! a component of a module is linked in here.

use std::fs;
use std::path::Path;
use std::process::Command;

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
};
use wit_component::ComponentEncoder;

/// The compiler whose output is committed, as the first line of `clang --version` names it.
const CLANG: &str = "clang version 14.0.6";
/// Debian packages that the build needs.
const PACKAGES: &str = "clang lld wasi-libc libclang-rt-14-dev-wasm32";
/// Options of every module: WASI, optimised, warnings are errors, no name of a file or machine inside.
const OPTIONS: &[&str] =
    &["--target=wasm32-wasi", "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-g0"];

/// A module and how it is made.
struct Module {
    /// Path of the module without its extension.
    path: &'static str,
    /// C sources beside the module, in the order in which they are linked; headers there are found too.
    sources: &'static [&'static str],
    options: &'static [&'static str],
    /// Whether a WASI 0.2 component is made of it as well, beside it as `.component.wasm`.
    component: bool,
}

const MODULES: &[Module] = &[
    Module {
        path: "examples/hello/hello",
        sources: &["hello.c"],
        options: &["-O2", "-Wl,--strip-all"],
        component: true,
    },
    Module {
        path: "examples/pathtracer/pathtracer",
        sources: &["pathtracer.c", "scene.c", "rays.c", "light.c"],
        options: &["-O3", "-msimd128", "-fno-math-errno", "-fno-trapping-math", "-Wl,--strip-all"],
        component: false,
    },
    Module {
        path: "tests/fixtures/protected",
        sources: &["protected.c"],
        options: &["-O2", "-Wl,--strip-all"],
        component: false,
    },
    Module {
        path: "tests/fixtures/confidential",
        sources: &["confidential.c"],
        options: &["-O2", "-Wl,--strip-all"],
        component: false,
    },
    // Keeps its function names: the tests look for them in messages. Ignored results are what it is for.
    Module {
        path: "crates/sandbox/tests/fixtures/probe",
        sources: &["probe.c"],
        options: &["-O2", "-Wno-unused-result", "-Wno-infinite-recursion", "-Wl,--strip-debug"],
        component: true,
    },
];

/// Builds every module; writes them, or with `check` compares them with the committed ones byte for byte.
///
/// # Errors
/// A missing or different compiler, a source that does not compile, or a module that differs.
pub(crate) fn run(check: bool) -> Result<(), String> {
    let compiler = compiler()?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the repository");
    let scratch = std::env::temp_dir().join(format!("metacloud-examples-{}", std::process::id()));
    fs::create_dir_all(&scratch).map_err(|error| format!("{}: {error}", scratch.display()))?;
    let done = MODULES.iter().try_for_each(|module| make(module, root, &scratch, check, &compiler));
    fs::remove_dir_all(&scratch).map_err(|error| format!("{}: {error}", scratch.display()))?;
    done
}

/// The first line of `clang --version`, if it is the version that gives the committed bytes.
fn compiler() -> Result<String, String> {
    let output = Command::new("clang").arg("--version").output().map_err(|error| {
        format!("clang cannot be run ({error}); on Debian 12: apt-get install {PACKAGES}")
    })?;
    let version = String::from_utf8_lossy(&output.stdout);
    let version = version.lines().next().unwrap_or_default().to_owned();
    if version.contains(CLANG) {
        return Ok(version);
    }
    Err(format!(
        "the examples are built with Debian 12's {CLANG}, but this is {version:?}, which gives other bytes; \
         on Debian 12: apt-get install {PACKAGES}"
    ))
}

fn make(module: &Module, root: &Path, scratch: &Path, check: bool, compiler: &str) -> Result<(), String> {
    let built = compile(module, root, scratch)?;
    let component = module.component.then(|| component(&built)).transpose();
    let component = component.map_err(|error| format!("{} makes no component: {error}", module.path))?;
    let files = [(Some(built), "wasm"), (component, "component.wasm")];
    for (built, extension) in files.into_iter().filter_map(|(built, extension)| Some((built?, extension))) {
        let file = format!("{}.{extension}", module.path);
        let committed = root.join(&file);
        if check {
            compare(&file, &committed, &built, compiler)?;
        } else {
            fs::write(&committed, &built).map_err(|error| format!("{}: {error}", committed.display()))?;
            println!("{file}: {} bytes", built.len());
        }
    }
    Ok(())
}

/// The module as a component for `wasi:cli/command`: its preview 1 calls go through an adapter inside.
fn component(module: &[u8]) -> Result<Vec<u8>, String> {
    ComponentEncoder::default()
        .module(module)
        .and_then(|encoder| {
            encoder.adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER)
        })
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| format!("{error:#}"))
}

fn compare(file: &str, committed: &Path, built: &[u8], compiler: &str) -> Result<(), String> {
    match fs::read(committed) {
        Ok(bytes) if bytes == built => {
            println!("{file}: as committed");
            Ok(())
        }
        Ok(bytes) => Err(format!(
            "{file} differs from a rebuild ({} bytes committed, {} built with {compiler}): run cargo xtask examples \
             and commit the file, or check that {PACKAGES} are Debian 12's",
            bytes.len(),
            built.len()
        )),
        Err(error) => Err(format!("{}: {error}", committed.display())),
    }
}

/// Compiles in the sources' directory under relative names, so that no path of this machine can leave a trace.
fn compile(module: &Module, root: &Path, scratch: &Path) -> Result<Vec<u8>, String> {
    let directory = root.join(module.path).parent().expect("every module lies in a directory").to_owned();
    let target = scratch.join("module.wasm");
    let output = Command::new("clang")
        .current_dir(&directory)
        .args(OPTIONS)
        .args(module.options)
        .arg("-o")
        .arg(&target)
        .args(module.sources)
        .output()
        .map_err(|error| format!("clang cannot be run: {error}"))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(format!(
            "{} does not compile; if headers or libraries are missing: apt-get install {PACKAGES}\n{errors}",
            module.path
        ));
    }
    fs::read(&target).map_err(|error| format!("{}: {error}", target.display()))
}
