//! How long does the main job take, start to finish, with everything real?

use std::process::Command;

use super::{Answer, Bench};

/// Runs measured; the answer is their median.
const RUNS: usize = 3;

/// Median of the seconds that `metacloud demo --json` takes as a whole, against the target of 15 seconds.
pub(crate) fn answer(bench: &Bench) -> Result<Answer, String> {
    let mut seconds = Vec::with_capacity(RUNS);
    for run in 0..RUNS {
        let picture =
            std::env::temp_dir().join(format!("metacloud-bench-demo-{}-{run}.png", std::process::id()));
        let started = std::time::Instant::now();
        let out = Command::new(&bench.metacloud)
            .args(["demo", "--json", "--out"])
            .arg(&picture)
            .output()
            .map_err(|error| format!("metacloud demo: {error}"))?;
        seconds.push(started.elapsed().as_secs_f64());
        let _ = std::fs::remove_file(&picture);
        if !out.status.success() {
            return Err(format!("metacloud demo ended with {}", out.status));
        }
    }
    seconds.sort_by(f64::total_cmp);
    Ok(Answer {
        bench: "demo",
        ours: seconds[RUNS / 2],
        peer: 15.0,
        peer_name: "target",
        unit: "s",
        bound: 1.0,
    })
}
