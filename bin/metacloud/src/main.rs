//! The metacloud binary.

fn main() -> std::process::ExitCode {
    metacloud_cli::main()
}
