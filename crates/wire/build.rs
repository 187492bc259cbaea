//! Generates the gRPC types of `proto/` with compilers written in Rust: no `protoc` needed.

use std::error::Error;

const PROTO: &str = "proto/metacloud/pool/v1/pool.proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={PROTO}");
    let files = protox::compile([PROTO], ["proto"])?;
    tonic_prost_build::configure().emit_rerun_if_changed(false).compile_fds(files)?;
    Ok(())
}
