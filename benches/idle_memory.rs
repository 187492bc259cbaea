//! How much memory does an idle `metacloud up` with two workers hold?

use super::{Answer, Bench, RunningUp};

/// How long the cloud rests before it is weighed.
const REST: std::time::Duration = std::time::Duration::from_secs(10);

/// Resident memory of the process and all its children, against the target of 150 MiB.
pub(crate) fn answer(bench: &Bench) -> Result<Answer, String> {
    let up = RunningUp::start(&bench.metacloud, 2)?;
    std::thread::sleep(REST);
    Ok(Answer {
        bench: "idle_memory",
        ours: resident_mib(up.id())?,
        peer: 150.0,
        peer_name: "target",
        unit: "MiB",
        bound: 1.0,
    })
}

fn resident_mib(process: u32) -> Result<f64, String> {
    let status =
        std::fs::read_to_string(format!("/proc/{process}/status")).map_err(|error| error.to_string())?;
    let kib: f64 = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok())
        .ok_or("no VmRSS in /proc")?;
    let children =
        std::fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap_or_default();
    let mut sum = kib / 1024.0;
    for child in children.split_whitespace().filter_map(|id| id.parse().ok()) {
        sum += resident_mib(child)?;
    }
    Ok(sum)
}
