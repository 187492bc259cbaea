//! How long from starting `metacloud up` until everything accepts requests?

use super::{Answer, Bench, RunningUp};

/// Starts measured; the answer is their median.
const STARTS: usize = 7;

/// Median wall time of cold starts with an empty data folder, against the target of one second.
pub(crate) fn answer(bench: &Bench) -> Result<Answer, String> {
    let mut seconds = Vec::with_capacity(STARTS);
    for _ in 0..STARTS {
        let up = RunningUp::start(&bench.metacloud, 2)?;
        if up.ready["rpcUrl"].as_str().is_none() {
            return Err("the ready file names no rpcUrl".to_owned());
        }
        seconds.push(up.ready_s);
    }
    seconds.sort_by(f64::total_cmp);
    Ok(Answer {
        bench: "up_ready",
        ours: seconds[STARTS / 2],
        peer: 1.0,
        peer_name: "target",
        unit: "s",
        bound: 1.0,
    })
}
