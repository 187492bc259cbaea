//! One run, from the job to its outcome.

use std::time::Instant;

use wasmtime::{InstancePre, Store, Trap, UpdateDeadline, WasmBacktrace};

use crate::deterministic::Clock;
use crate::engine::Inner;
use crate::limits::{HOST_STACK_BYTES, INPUT_FILES_MAX, WASM_STACK_BYTES_MAX};
use crate::process::Process;
use crate::vfs::Vfs;
use crate::wasi::Stop;
use crate::{CancelFlag, Failure, Job, Outcome, RunError, output};

/// Fuel is counted, not rationed: the category grants time.
const FUEL: u64 = u64::MAX;

/// See [`crate::Sandbox::run`].
pub(crate) fn run(sandbox: &Inner, job: &Job, cancel: &CancelFlag) -> Result<Outcome, RunError> {
    let module = sandbox.modules.load(&sandbox.engine, &job.module)?;
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
    let process = Process::new(job, vfs, clock, cancel.clone())?;
    let started = Instant::now();
    let (end, process, fuel_used) = on_own_stack(|| execute(sandbox, &module, process))?;
    tracing::debug!(fuel = fuel_used, seconds = started.elapsed().as_secs_f64(), ?end, "application ended");
    finish(job, end, process, fuel_used)
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

fn execute(
    sandbox: &Inner,
    module: &InstancePre<Process>,
    process: Process,
) -> (Result<i32, Failure>, Process, u64) {
    let mut store = Store::new(&sandbox.engine, process);
    store.limiter(|process| process);
    store.set_fuel(FUEL).expect("fuel is switched on in the engine's settings");
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|store| match store.data().checkpoint() {
        Ok(()) => Ok(UpdateDeadline::Continue(1)),
        Err(stop) => Err(wasmtime::Error::new(stop)),
    });
    let running = sandbox.ticker.running();
    let end = module
        .instantiate(&mut store)
        .and_then(|instance| instance.get_typed_func::<(), ()>(&mut store, "_start"))
        .and_then(|start| start.call(&mut store, ()));
    drop(running);
    let fuel_used = FUEL - store.get_fuel().expect("fuel is switched on in the engine's settings");
    let end = match end {
        Ok(()) => Ok(0),
        Err(error) => exit_or_failure(error),
    };
    (end, store.into_data(), fuel_used)
}

fn exit_or_failure(error: wasmtime::Error) -> Result<i32, Failure> {
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
        Ok(Stop::Failed(failure)) => Err(failure),
        Err(error) => Err(Failure::Engine(format!("{error:#}"))),
    }
}

fn trap_text(trap: &Trap) -> String {
    let text = trap.to_string();
    text.strip_prefix("wasm trap: ").unwrap_or(&text).to_owned()
}

fn finish(
    job: &Job,
    end: Result<i32, Failure>,
    process: Process,
    fuel_used: u64,
) -> Result<Outcome, RunError> {
    let kept = end.as_ref().map_or_else(Failure::keeps_output, |_| true);
    let end = if kept { keep_output(job, &process, &end).and(end) } else { end };
    let Process { stdout, stderr, .. } = process;
    let (stdout, stderr) = (stdout.tail_text(), stderr.tail_text());
    match end {
        Ok(exit_code) => Ok(Outcome { exit_code, fuel_used, stdout, stderr }),
        Err(failure) => Err(RunError { failure, stdout, stderr, fuel_used }),
    }
}

fn keep_output(job: &Job, process: &Process, end: &Result<i32, Failure>) -> Result<(), Failure> {
    output::materialise(&process.vfs, &job.out_dir)?;
    if let Ok(0) = end {
        output::write_log(&job.out_dir, "stdout.txt", &process.stdout)?;
        output::write_log(&job.out_dir, "stderr.txt", &process.stderr)?;
    }
    Ok(())
}
