//! One task in an enclave: birth, evidence, authorization, secrets, run.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use alloy_primitives::Bytes;
use metacloud_enclave::ran::Ran;
use metacloud_enclave::talk::{Begin, Born, Bounds, Done, Run, Signed};
use metacloud_wire::cause::{Cause, Failure};
use metacloud_wire::enclave::{AuthorizationView, Evidence, LIFE_S_MAX, SecretsRequest};
use metacloud_wire::pool::Assign;

use super::process::{Died, Process};
use super::{Enclaves, secrets};
use crate::checks::{Terms, authorized};
use crate::context::Context;
use crate::halt::Halt;
use crate::life::ControlReceiver;
use crate::prepare::PreparedForEnclave;
use crate::record::{self, Computed, Vouched};

/// Longest wait for a new enclave's keys.
const BIRTH_MAX: Duration = Duration::from_secs(60);
/// Longest wait for the pool's answer to the evidence.
const AUTHORIZATION_MAX: Duration = Duration::from_secs(120);
/// What an enclave may need beside the application's own time: compiling, decrypting, archiving, encrypting.
const SLACK: Duration = Duration::from_secs(120);
/// Enclaves that one task gets here, should they die.
const ENCLAVES_MAX: u32 = 3;

/// A run, and its result or why there is none.
type Outcome = (Ran, Result<Computed, Vec<Failure>>);

/// Why one enclave gave no outcome.
enum Trouble {
    /// It is gone; another may do better.
    Died(Died),
    Halt(Halt),
}

impl From<Halt> for Trouble {
    fn from(halt: Halt) -> Self {
        Self::Halt(halt)
    }
}

impl From<Died> for Trouble {
    fn from(died: Died) -> Self {
        Self::Died(died)
    }
}

/// Waits for a slot and computes the task in an enclave; in another one with other keys if the first is killed.
pub(crate) async fn run(
    ctx: &Context,
    assign: &Assign,
    terms: &Terms,
    prepared: PreparedForEnclave,
    control: &mut ControlReceiver,
) -> Result<Outcome, Halt> {
    let enclaves = ctx.enclaves.as_ref().expect("a worker without enclaves refuses the task at its start");
    let _slot = control.unless_aborted(ctx.slots.acquire()).await?.expect("never closed");
    let task = Task { ctx, enclaves, assign, terms, prepared: &prepared };
    for made in 1.. {
        let died = match task.attempt(control).await {
            Ok(outcome) => return Ok(outcome),
            Err(Trouble::Halt(halt)) => return Err(halt),
            Err(Trouble::Died(died)) => died,
        };
        tracing::warn!(task = %assign.task, %died, made, "an enclave (simulation) is lost");
        if made >= ENCLAVES_MAX {
            let message = format!("{died}; {made} enclaves were lost");
            return Err(Halt::failed(Cause::TEE_PREPARATION_FAILED, message));
        }
    }
    unreachable!("the last enclave returns")
}

struct Task<'a> {
    ctx: &'a Context,
    enclaves: &'a Enclaves,
    assign: &'a Assign,
    terms: &'a Terms,
    prepared: &'a PreparedForEnclave,
}

impl Task<'_> {
    /// One enclave from its birth to its end. What it left in clear goes with it.
    async fn attempt(&self, control: &mut ControlReceiver) -> Result<Outcome, Trouble> {
        let mut process = Process::start(&self.enclaves.0.program)?;
        let outcome = self.talk(&mut process, control).await;
        process.end().await;
        let dir = self.work_dir();
        let removed = tokio::task::spawn_blocking(move || remove(&dir)).await;
        removed
            .map_err(std::io::Error::other)
            .flatten()
            .map_err(|error| Halt::disk("remove an enclave's directory", error))?;
        outcome
    }

    async fn talk(&self, process: &mut Process, control: &mut ControlReceiver) -> Result<Outcome, Trouble> {
        let begin = self.begin();
        let born: Born = control.unless_aborted(process.ask(&begin, BIRTH_MAX)).await??;
        let evidence = self.evidence(&begin, &born).await?;
        let enclave = born.statement.enclave;
        tracing::info!(
            task = %self.assign.task, kind = "simulation", %enclave, process = ?process.id(),
            confined = born.confined, "an enclave is born"
        );
        self.ctx.show(evidence.clone()).await;
        let answer = tokio::time::timeout(AUTHORIZATION_MAX, control.authorized(enclave)).await;
        let authorization = answer.map_err(|_| {
            let message = "the pool did not answer to the evidence about the enclave";
            Halt::failed(Cause::TEE_PREPARATION_FAILED, message)
        })??;
        let owner = self.terms.deal.workerpool.owner;
        authorized(self.ctx, self.assign.task, enclave, &authorization, owner).await?;
        let permission = AuthorizationView {
            worker: self.ctx.me(),
            task_id: self.assign.task,
            enclave,
            sign: authorization.as_bytes().clone(),
        };
        let sealed = control.unless_aborted(self.secrets(evidence, permission)).await??;
        let limit = self.prepared.limits.time + SLACK;
        let done: Done = control.unless_aborted(process.ask(&self.run(sealed), limit)).await??;
        let Done { ran, result } = done;
        let result = result.map(|signed| {
            let Signed { digest, callback_data, enclave_sign, archive_sign } = signed;
            Computed {
                digest,
                callback_data,
                exit_code: ran.exit_code,
                failures: ran.failures.clone(),
                fuel_used: ran.fuel_used,
                compute_ms: ran.compute_ms,
                enclave: Some(Box::new(Vouched {
                    challenge: enclave,
                    sign: enclave_sign,
                    archive_sign,
                    authorization,
                })),
            }
        });
        Ok((ran, result))
    }

    fn begin(&self) -> Begin {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let life = (self.prepared.limits.time + SLACK + AUTHORIZATION_MAX + BIRTH_MAX).as_secs();
        Begin {
            chain_id: self.ctx.chain.id(),
            hub: self.ctx.hub.address(),
            task: self.assign.task,
            worker: self.ctx.me(),
            expires_s: now.as_secs() + life.min(LIFE_S_MAX / 2),
            application: self.prepared.application.clone(),
            bounds: Bounds::from(&self.prepared.limits),
            work_dir: self.work_dir(),
            modules_dir: self.enclaves.0.modules_dir.clone(),
        }
    }

    fn work_dir(&self) -> std::path::PathBuf {
        self.ctx.task_dir(self.assign.task).join("enclave")
    }

    /// Nothing is vouched for that is not what was asked for.
    async fn evidence(&self, begin: &Begin, born: &Born) -> Result<Evidence, Halt> {
        let Born { statement, .. } = born;
        let same = (statement.chain_id, statement.hub) == (begin.chain_id, begin.hub)
            && (statement.task_id, statement.worker) == (begin.task, begin.worker)
            && statement.expires == begin.expires_s;
        if !same {
            let message = "the enclave states another task than the one that it was made for";
            return Err(Halt::failed(Cause::TEE_PREPARATION_FAILED, message));
        }
        let evidence = self.enclaves.evidence(born).await;
        evidence.map_err(|error| Halt::disk("measure the enclave's program", error))
    }

    async fn secrets(
        &self,
        evidence: Evidence,
        authorization: AuthorizationView,
    ) -> Result<Option<Bytes>, Halt> {
        let storage = self.ctx.storage().await?;
        let Some(url) = &storage.sms_url else {
            return match self.prepared.needs {
                None => Ok(None),
                Some(what) => {
                    let message = format!("the deal needs {what}, and this pool has no secrets service");
                    Err(Halt::failed(Cause::UNKNOWN_SMS, message))
                }
            };
        };
        let slice = self.prepared.slice.clone().unwrap_or_default();
        let request = SecretsRequest { evidence, authorization, slice };
        let sealed = secrets::fetch(url, &request).await;
        sealed.map(Some).map_err(|failure| Halt::Failed(vec![failure]))
    }

    fn run(&self, sealed: Option<Bytes>) -> Run {
        let PreparedForEnclave { args, env, inputs, datasets, slice, .. } = self.prepared;
        Run {
            sealed,
            callback: !self.terms.deal.callback.is_zero(),
            args: args.clone(),
            env: env.clone(),
            inputs: inputs.clone(),
            datasets: datasets.clone(),
            bulk: slice.is_some(),
            archive: record::archive(&self.ctx.task_dir(self.assign.task)),
        }
    }
}

fn remove(dir: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
