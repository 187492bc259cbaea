//! Reports of workers in the machine's words.

use metacloud_dispatch::{Blame, Failure, Report, Uploaded};
use metacloud_wire::cause::{self, Cause, Fault};
use metacloud_wire::pool::{self, ReportStatus};

/// What a report means to the machine.
pub(crate) fn translate(report: pool::Report) -> Report {
    let failures = || report.failures.iter().map(failure).collect();
    match report.status {
        ReportStatus::Started => Report::Started,
        ReportStatus::Computed => Report::Computed { exit_code: report.exit_code },
        ReportStatus::Contributed => Report::Contributed,
        ReportStatus::Revealed => Report::Revealed,
        ReportStatus::Uploaded => Report::Uploaded(Uploaded {
            results: report.link.map(|link| link.to_bytes()).unwrap_or_default(),
            callback: report.callback_data.unwrap_or_default(),
            archive_sign: report.archive_sign,
        }),
        ReportStatus::Finalized => Report::Finalized,
        ReportStatus::Failed => Report::Failed { failures: failures(), exit_code: report.exit_code },
        ReportStatus::Aborted => Report::Aborted { failures: failures() },
    }
}

fn failure(failure: &cause::Failure) -> Failure {
    let blame = match failure.cause.fault() {
        Fault::AppProvider | Fault::DatasetProvider | Fault::Requester => Blame::Order,
        Fault::Worker => Blame::Worker,
        // The others agreed meanwhile: nobody failed.
        Fault::Unknown if failure.cause == Cause::CONSENSUS_REACHED => Blame::Other,
        Fault::Unknown => Blame::Worker,
        Fault::Pool | Fault::SecretService | Fault::Chain => Blame::Other,
    };
    Failure { cause: failure.cause.as_str().to_owned(), message: failure.message.clone(), blame }
}
