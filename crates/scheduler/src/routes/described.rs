//! What each route takes and answers, for people and programs (OpenAPI).

use metacloud_routes::{Login, Operation, Shape, Tag};
use metacloud_wire::SAFE_UINT_MAX;
use metacloud_wire::login::LoginData;
use metacloud_wire::schema::{AddressText, Bytes32};
use metacloud_wire::task_view::{LogsAnswer, TaskExplanation, TaskNotFound, TaskView};

pub(super) const TAG: Tag =
    Tag { name: "workerpool", about: "How the tasks of a workerpool stand (its API)." };

const LOGIN: Login = Login {
    name: "poolLogin",
    about: "A wallet's answer to a challenge of /tasks/logs/challenge: the challenge's EIP-712 digest, the signature and \
            the checksummed address, each in hex with 0x, joined by two underscores. A challenge serves once.",
};
const BUSY: (u16, &str) = (503, "The pool is busy or stopping, or the chain does not answer; try again.");

fn of_task(id: &'static str, summary: &str) -> Operation {
    Operation::new(id, summary)
        .path("task", Shape::of::<Bytes32>(), "The task's id on chain.")
        .refuses::<TaskNotFound>(&[
            (400, "The path cannot be read."),
            (404, "This pool knows no such task."),
            BUSY,
        ])
}

pub(super) fn task() -> Operation {
    of_task("getTask", "How a task stands, and each worker's share of it.")
        .answers::<TaskView>(200, "The task.")
}

pub(super) fn explain() -> Operation {
    of_task("explainTask", "Why a task is where it is, and who has to act.")
        .answers::<TaskExplanation>(200, "The explanation.")
}

pub(super) fn challenge() -> Operation {
    Operation::new("getLogsChallenge", "A fresh challenge to sign, which lets its signer read logs once.")
        .query_needed("chainId", Shape::integer(1, SAFE_UINT_MAX), "The chain; only the one that is served.")
        .query_needed("address", Shape::of::<AddressText>(), "Who will sign.")
        .answers::<LoginData>(200, "Typed data to sign (EIP-712); open for 60 minutes.")
        .refuses::<TaskNotFound>(&[(400, "A parameter is missing or malformed, or another chain is meant.")])
}

pub(super) fn logs() -> Operation {
    of_task("getTaskLogs", "What the application of a task said, for its requester alone.")
        .login(LOGIN)
        .answers::<LogsAnswer>(200, "The end of each worker's output.")
        .refuses::<TaskNotFound>(&[
            (401, "No valid login."),
            (403, "The caller is not the task's requester."),
        ])
}
