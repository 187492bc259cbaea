//! A cloud on a chain that is not ours: anvil, contracts from `metacloud deploy`, each role a process.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value};

use crate::anvil::Anvil;
use crate::support::process::Process;
use crate::support::roles::{account, plainly, start, write_key};
use crate::support::{metacloud, stderr_of};

const CHAIN_ID: u64 = 31_337;
/// The first account of anvil's mnemonic, which is the well-known one.
const DEPLOYER_KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
/// Accounts of the mnemonic that anvil funds: as many as a ready file has.
const ACCOUNTS: &str = "20";
const WORKERS: usize = 3;

/// Anvil, the roles on it, and the ready file that names them; all end when dropped.
pub(crate) struct OnAnvil {
    _processes: Vec<Process>,
    _anvil: Anvil,
    _folder: tempfile::TempDir,
    pub(crate) ready_file: PathBuf,
}

impl OnAnvil {
    /// Deploys, opens the network with the program `settle.mjs` in `programs`, and starts every role that runs alone.
    pub(crate) fn start(programs: &Path) -> Self {
        let temporary = tempfile::tempdir().expect("temporary folder");
        let folder = temporary.path();
        let anvil = Anvil::start_with(CHAIN_ID, &["--accounts", ACCOUNTS]);
        let mut ready = settled(programs, &deployed(folder, &anvil.url()), &anvil.url());
        // One root vouches for the enclaves of all workers; any key will do, such as the last account's.
        let (root, root_key) = last_account(&ready);
        let mut processes = Vec::new();
        for role in ["storage", "market", "explorer", "secrets", "scheduler"] {
            let (admit, owner) = (root.clone(), folder.join("owner.key"));
            // Told by roles that started before.
            let told = |key| ready.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            let (sms, compass) = (told("smsUrl"), told("compassUrl"));
            let more: &[(&str, &str)] = match role {
                "secrets" => &[("admit-simulation", &admit), ("release", "hardware,simulation")],
                "scheduler" => {
                    write_key(&owner, &account(&ready, "workerpoolOwner", 0));
                    &[
                        ("key", owner.to_str().expect("text")),
                        ("admit-simulation", &admit),
                        ("sms", &sms),
                        ("compass", &compass),
                        ("offer-trust", "3"),
                    ]
                }
                _ => &[],
            };
            let (process, told) = start(role, folder, &plainly, &ready, more);
            ready.extend(told);
            processes.push(process);
        }
        let ready_file = folder.join("ready.json");
        std::fs::write(&ready_file, Value::from(ready).to_string()).expect("ready file");
        for number in 1..=WORKERS {
            processes.push(worker(folder, &ready_file, number, &root_key));
        }
        Self { _processes: processes, _anvil: anvil, _folder: temporary, ready_file }
    }
}

/// The answer of `metacloud deploy`, in a file.
fn deployed(folder: &Path, url: &str) -> PathBuf {
    let key = folder.join("deployer.key");
    write_key(&key, DEPLOYER_KEY);
    let output = metacloud().args(["deploy", "--json", "--rpc", url, "--key"]).arg(&key).output();
    let output = output.expect("metacloud starts");
    assert!(output.status.success(), "{}", stderr_of(&output));
    let file = folder.join("deployed.json");
    std::fs::write(&file, output.stdout).expect("the answer is kept");
    file
}

/// The beginning of a ready file: chain, contracts, accounts, pool.
fn settled(programs: &Path, deployed: &Path, url: &str) -> Map<String, Value> {
    let output = Command::new("node").arg("settle.mjs").arg(deployed).arg(url).current_dir(programs).output();
    let output = output.expect("node starts");
    assert!(output.status.success(), "settle.mjs: {}", stderr_of(&output));
    serde_json::from_slice(&output.stdout).expect("settle.mjs prints an object")
}

fn last_account(ready: &Map<String, Value>) -> (String, String) {
    let last = ready["accounts"].as_array().and_then(|accounts| accounts.last()).expect("accounts");
    let text = |name: &str| last[name].as_str().expect("text").to_owned();
    (text("address"), text("privateKey"))
}

fn worker(folder: &Path, ready_file: &Path, number: usize, root_key: &str) -> Process {
    let name = format!("worker-{number}");
    let data = folder.join(&name);
    std::fs::create_dir(&data).expect("folder");
    write_key(&data.join("simulation-root.key"), root_key);
    let mut command = plainly("worker");
    command.args(["--json", "--enclave", "simulation", "--account", &number.to_string(), "--ready-file"]);
    command.arg(ready_file).arg("--data-dir").arg(data);
    Process::announced(command, &folder.join(format!("{name}.log"))).0
}
