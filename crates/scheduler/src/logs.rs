//! What applications said: the end of their output on each worker, kept for whoever paid for it.

use alloy_primitives::Address;
use metacloud_dispatch::WorkerId;
use metacloud_protocol::TaskId;
use metacloud_store::{Database, StoreError};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::warn;

use crate::limits;

/// The end of the output of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Log {
    pub(crate) task: TaskId,
    pub(crate) worker: WorkerId,
    /// Bounded by the messages that bring it ([`metacloud_wire::pool::LOG_TAIL_BYTES_MAX`]).
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The logs that are kept: at most [`limits::LOGS_MAX`]; the oldest give way. A handle.
#[derive(Clone, Debug)]
pub(crate) struct Logs {
    database: Database,
}

impl Logs {
    /// Opens the table, made if absent.
    pub(crate) async fn open(database: Database) -> Result<Self, StoreError> {
        let mut write = database.write().await?;
        sqlx::query(
            "CREATE TABLE IF NOT EXISTS task_log (seq INTEGER NOT NULL PRIMARY KEY, task BLOB NOT NULL, \
             worker BLOB NOT NULL, stdout TEXT NOT NULL, stderr TEXT NOT NULL, UNIQUE (task, worker)) STRICT",
        )
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(Self { database })
    }

    /// Keeps these; a later one of the same worker and task replaces the one before.
    pub(crate) async fn put(&self, logs: &[Log]) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        for log in logs {
            sqlx::query("INSERT OR REPLACE INTO task_log (task, worker, stdout, stderr) VALUES (?, ?, ?, ?)")
                .bind(log.task.as_slice())
                .bind(log.worker.0.as_slice())
                .bind(&log.stdout)
                .bind(&log.stderr)
                .execute(&mut *write)
                .await?;
        }
        sqlx::query("DELETE FROM task_log WHERE seq <= (SELECT max(seq) FROM task_log) - ?")
            .bind(limits::LOGS_MAX)
            .execute(&mut *write)
            .await?;
        Ok(write.commit().await?)
    }

    /// The logs of a task, in the order in which they came.
    pub(crate) async fn of(&self, task: TaskId) -> Result<Vec<Log>, StoreError> {
        let rows: Vec<(Vec<u8>, String, String)> =
            sqlx::query_as("SELECT worker, stdout, stderr FROM task_log WHERE task = ? ORDER BY seq")
                .bind(task.as_slice())
                .fetch_all(self.database.reader())
                .await?;
        rows.into_iter()
            .map(|(worker, stdout, stderr)| {
                let worker = Address::try_from(&worker[..])
                    .map_err(|_| StoreError::Damaged("a log names no worker".to_owned()))?;
                Ok(Log { task, worker: WorkerId(worker), stdout, stderr })
            })
            .collect()
    }
}

/// The way to the table for one who must not wait for it.
pub(crate) struct LogWriter {
    to: mpsc::Sender<Log>,
    writing: JoinHandle<()>,
}

impl LogWriter {
    pub(crate) fn start(logs: Logs) -> Self {
        let (to, mut from) = mpsc::channel(limits::LOGS_WAITING_MAX);
        let writing = tokio::spawn(async move {
            let mut batch = Vec::new();
            while from.recv_many(&mut batch, limits::LOGS_WAITING_MAX).await > 0 {
                if let Err(error) = logs.put(&batch).await {
                    warn!(%error, logs = batch.len(), "logs of tasks are lost");
                }
                batch.clear();
            }
        });
        Self { to, writing }
    }

    /// Keeps a log soon.
    pub(crate) fn keep(&self, log: Log) {
        let (task, worker) = (log.task, log.worker);
        if self.to.try_send(log).is_err() {
            warn!(%task, %worker, "the log of a task is lost: the disk does not keep up");
        }
    }

    /// Waits until everything is written.
    pub(crate) async fn finish(self) {
        drop(self.to);
        if let Err(error) = self.writing.await {
            warn!(%error, "the writer of logs did not end well");
        }
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{B256, U256};
    use metacloud_store::Durability;

    use super::*;

    fn log(task: u64, worker: u8, stdout: &str) -> Log {
        Log {
            task: TaskId(B256::from(U256::from(task))),
            worker: WorkerId(Address::repeat_byte(worker)),
            stdout: stdout.to_owned(),
            stderr: String::new(),
        }
    }

    async fn open(dir: &tempfile::TempDir) -> Logs {
        let path = dir.path().join("logs.sqlite");
        Logs::open(Database::open(&path, Durability::ProcessDeath).await.unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn each_worker_has_one_log_of_a_task_and_it_survives() {
        let dir = tempfile::tempdir().unwrap();
        let logs = open(&dir).await;
        let writer = LogWriter::start(logs.clone());
        for log in [log(1, 1, "first"), log(1, 2, "other"), log(2, 1, "another task"), log(1, 1, "last")] {
            writer.keep(log);
        }
        writer.finish().await;
        logs.database.close().await;
        let logs = open(&dir).await;
        assert_eq!(logs.of(log(1, 0, "").task).await.unwrap(), [log(1, 2, "other"), log(1, 1, "last")]);
        assert_eq!(logs.of(log(9, 0, "").task).await.unwrap(), []);
    }

    #[tokio::test]
    async fn the_oldest_logs_give_way() {
        let dir = tempfile::tempdir().unwrap();
        let logs = open(&dir).await;
        let max = u64::from(limits::LOGS_MAX);
        let many: Vec<_> = (0..=max).map(|n| log(n, 1, "x")).collect();
        logs.put(&many).await.unwrap();
        assert_eq!(logs.of(many[0].task).await.unwrap(), []);
        assert_eq!(logs.of(many[1].task).await.unwrap().len(), 1);
        assert_eq!(logs.of(many.last().unwrap().task).await.unwrap().len(), 1);
    }
}
