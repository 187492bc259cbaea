//! One run, from the job to its outcome.

use std::time::Instant;

use wasmtime::{Store, Trap, UpdateDeadline, WasmBacktrace};

use crate::deterministic::Clock;
use crate::engine::Inner;
use crate::fault::Stop;
use crate::limits::{CALL_BYTES_MAX, HOST_STACK_BYTES, INPUT_FILES_MAX, WASM_STACK_BYTES_MAX};
use crate::modules::Application;
use crate::system::{Process, System};
use crate::vfs::Vfs;
use crate::{CancelFlag, Failure, Job, Outcome, RunError, output, preview1, preview2};

/// Fuel is counted, not rationed: the category grants time.
const FUEL: u64 = u64::MAX;
/// How the engine begins when a bound of [`crate::system::Counts`] is met; it has no other name for it.
const COUNT_EXCEEDED: &str = "resource limit exceeded: ";

/// See [`crate::Sandbox::run`].
pub(crate) fn run(sandbox: &Inner, job: &Job, cancel: &CancelFlag) -> Result<Outcome, RunError> {
    let application = sandbox.modules.load(&sandbox.engine, &job.module)?;
    if cancel.is_cancelled() {
        return Err(Failure::Cancelled.into());
    }
    if job.inputs.len() > INPUT_FILES_MAX {
        let count = job.inputs.len();
        let what = format!("{count} input files were given, at most {INPUT_FILES_MAX} are taken");
        return Err(Failure::BadJob(what).into());
    }
    let scratch = output::prepare(&job.out_dir)?;
    let clock = Clock::from_seed(&job.seed);
    let vfs = Vfs::new(&job.inputs, scratch, &job.limits, clock.start_ns())?;
    let system = System::new(job, vfs, clock, cancel.clone())?;
    let started = Instant::now();
    let (end, system, fuel_used) = on_own_stack(|| execute(sandbox, &application, system))?;
    tracing::debug!(fuel = fuel_used, seconds = started.elapsed().as_secs_f64(), ?end, "application ended");
    finish(job, end, system, fuel_used)
}

/// Runs on a thread whose stack is large enough for the deepest recursion that is allowed, whatever the caller's is.
fn on_own_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, Failure> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("application".to_owned())
            .stack_size(WASM_STACK_BYTES_MAX + HOST_STACK_BYTES)
            .spawn_scoped(scope, work)
            .map_err(|source| Failure::HostDisk { action: "start a thread", source })?;
        match thread.join() {
            Ok(done) => Ok(done),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Runs the application from its start to its end; fuel used is that of all its parts.
fn execute(
    sandbox: &Inner,
    application: &Application,
    system: System,
) -> (Result<i32, Failure>, System, u64) {
    match application {
        Application::Module(module) => within_limits(sandbox, preview1::Process::new(system), |store| {
            module
                .instantiate(&mut *store)
                .and_then(|instance| instance.get_typed_func::<(), ()>(&mut *store, "_start"))
                .and_then(|start| start.call(store, ()))
                .map_or_else(|error| ended(error, Failure::Engine), |()| Ok(0))
        }),
        Application::Component(component) => {
            within_limits(sandbox, preview2::Process::new(system), |store| {
                let command = match component.instantiate(&mut *store) {
                    Ok(command) => command,
                    Err(error) => return ended(error, Failure::Engine),
                };
                // Past this point, what the engine complains about is a rule of components that this one broke.
                let broke_a_rule = |trap| Failure::Trap { trap, function: None };
                match command.wasi_cli_run().call_run(store) {
                    Ok(result) => Ok(i32::from(result.is_err())),
                    Err(error) => ended(error, broke_a_rule),
                }
            })
        }
    }
}

fn within_limits<P: Process>(
    sandbox: &Inner,
    process: P,
    call: impl FnOnce(&mut Store<P>) -> Result<i32, Failure>,
) -> (Result<i32, Failure>, System, u64) {
    let mut store = Store::new(&sandbox.engine, process);
    store.limiter(|process| process.system());
    store.set_fuel(FUEL).expect("fuel is switched on in the engine's settings");
    store.set_hostcall_fuel(CALL_BYTES_MAX);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|mut store| match store.data_mut().system().checkpoint() {
        Ok(()) => Ok(UpdateDeadline::Continue(1)),
        Err(stop) => Err(stop.into()),
    });
    let running = sandbox.ticker.running();
    let end = call(&mut store);
    drop(running);
    let fuel_used = FUEL - store.get_fuel().expect("fuel is switched on in the engine's settings");
    (end, store.into_data().into_system(), fuel_used)
}

/// What an error means that unwound the application: an exit code after all, a trap, a limit, or `otherwise`.
fn ended(error: wasmtime::Error, otherwise: fn(String) -> Failure) -> Result<i32, Failure> {
    let function = error
        .downcast_ref::<WasmBacktrace>()
        .and_then(|trace| trace.frames().iter().find_map(|frame| frame.func_name().map(str::to_owned)));
    if let Some(trap) = error.downcast_ref::<Trap>() {
        return Err(match trap {
            Trap::UnreachableCodeReached => Failure::Unreachable { function },
            Trap::StackOverflow => Failure::StackOverflow { limit_bytes: WASM_STACK_BYTES_MAX, function },
            other => Failure::Trap { trap: trap_text(other), function },
        });
    }
    match error.downcast::<Stop>() {
        Ok(Stop::Exit(code)) => Ok(code),
        Ok(Stop::Failed(Failure::Trap { trap, function: None })) => Err(Failure::Trap { trap, function }),
        Ok(Stop::Failed(failure)) => Err(failure),
        Err(error) => {
            let reason = error.root_cause().to_string();
            Err(match reason.strip_prefix(COUNT_EXCEEDED) {
                Some(what) => Failure::TooManyParts(what.to_owned()),
                None => otherwise(reason),
            })
        }
    }
}

fn trap_text(trap: &Trap) -> String {
    let text = trap.to_string();
    text.strip_prefix("wasm trap: ").unwrap_or(&text).to_owned()
}

fn finish(job: &Job, end: Result<i32, Failure>, system: System, fuel_used: u64) -> Result<Outcome, RunError> {
    let kept = end.as_ref().map_or_else(Failure::keeps_output, |_| true);
    let end = if kept { keep_output(job, &system, &end).and(end) } else { end };
    let System { stdout, stderr, .. } = system;
    let (stdout, stderr) = (stdout.tail_text(), stderr.tail_text());
    match end {
        Ok(exit_code) => Ok(Outcome { exit_code, fuel_used, stdout, stderr }),
        Err(failure) => Err(RunError { failure, stdout, stderr, fuel_used }),
    }
}

fn keep_output(job: &Job, system: &System, end: &Result<i32, Failure>) -> Result<(), Failure> {
    output::materialise(&system.vfs, &job.out_dir)?;
    if let Ok(0) = end {
        output::write_log(&job.out_dir, "stdout.txt", &system.stdout)?;
        output::write_log(&job.out_dir, "stderr.txt", &system.stderr)?;
    }
    Ok(())
}
