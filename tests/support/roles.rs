//! A cloud of processes, one role each.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Map, Value};

use super::metacloud;
use super::process::Process;

/// How the process of a role is made from its name and arguments; `metacloud ROLE ARGUMENTS` unless a test says else.
pub type Make<'a> = &'a dyn Fn(&str) -> Command;

/// Chain, storage, market and scheduler, each a process; workers as a test adds them. All on free ports.
pub struct Roles {
    folder: PathBuf,
    pub chain: Process,
    pub storage: Process,
    pub market: Process,
    pub scheduler: Process,
    pub workers: Vec<Process>,
    /// The announcements of the first four, merged: a ready file.
    pub ready: Value,
    pub ready_file: PathBuf,
}

/// `metacloud ROLE`.
pub fn plainly(role: &str) -> Command {
    let mut command = metacloud();
    command.arg(role);
    command
}

impl Roles {
    /// Starts the four roles with their state in `folder`.
    pub fn start(folder: &Path, make: Make<'_>) -> Self {
        let mut ready = Map::new();
        let chain = start("chain", folder, make, &ready, &[]);
        ready.extend(chain.1);
        let storage = start("storage", folder, make, &ready, &[]);
        ready.extend(storage.1);
        let market = start("market", folder, make, &ready, &[]);
        ready.extend(market.1);
        let key = folder.join("owner.key");
        write_key(&key, &account(&ready, "workerpoolOwner", 0));
        let scheduler = start("scheduler", folder, make, &ready, &[("key", key.to_str().expect("text"))]);
        ready.extend(scheduler.1);
        let ready_file = folder.join("ready.json");
        std::fs::write(&ready_file, Value::from(ready.clone()).to_string()).expect("ready file");
        Self {
            folder: folder.to_owned(),
            chain: chain.0,
            storage: storage.0,
            market: market.0,
            scheduler: scheduler.0,
            workers: Vec::new(),
            ready: Value::from(ready),
            ready_file,
        }
    }

    /// Starts the worker with the `number`th account, from 1; again with the same state if it ran before.
    pub fn add_worker(&mut self, number: usize, make: Make<'_>) {
        let name = format!("worker-{number}");
        let mut command = make("worker");
        command
            .args(["--json", "--account", &number.to_string(), "--ready-file"])
            .arg(&self.ready_file)
            .arg("--data-dir")
            .arg(self.folder.join(&name));
        let (process, told) = Process::announced(command, &self.folder.join(format!("{name}.log")));
        assert_eq!(told["address"], self.ready["accounts"][4 + number]["address"].as_str().expect("text"));
        self.workers.push(process);
    }

    /// `metacloud run` against these roles, to be started.
    pub fn run(&self, arguments: &[&str]) -> Command {
        let mut command = metacloud();
        command.arg("run").arg("--ready-file").arg(&self.ready_file).args(arguments);
        command.current_dir(&self.folder);
        command
    }

    /// A member of the ready file that is text.
    pub fn text(&self, key: &str) -> &str {
        self.ready[key].as_str().unwrap_or_else(|| panic!("the ready file has no {key}"))
    }
}

/// `metacloud run`, with its outcome.
pub fn output(mut command: Command) -> Output {
    command.output().expect("metacloud run starts")
}

/// Writes a key so that only its owner can read it.
pub fn write_key(path: &Path, key: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, key).expect("key file");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("mode");
}

/// The key of the `index`th account of a role.
pub fn account(ready: &Map<String, Value>, role: &str, index: usize) -> String {
    let accounts = ready["accounts"].as_array().expect("accounts");
    let account = accounts.iter().filter(|account| account["role"] == role).nth(index).expect(role);
    account["privateKey"].as_str().expect("a key is text").to_owned()
}

/// The address of the first account of a role.
pub fn account_address(ready: &Value, role: &str) -> String {
    let accounts = ready["accounts"].as_array().expect("accounts");
    let account = accounts.iter().find(|account| account["role"] == role).expect(role);
    account["address"].as_str().expect("an address is text").to_owned()
}

/// Starts a role on a free port with its state in a folder of its name; what it announces.
pub fn start(
    role: &str,
    folder: &Path,
    make: Make<'_>,
    ready: &Map<String, Value>,
    more: &[(&str, &str)],
) -> (Process, Map<String, Value>) {
    let mut command = make(role);
    command.args(["--json", "--listen", "127.0.0.1:0", "--data-dir"]).arg(folder.join(role));
    let known: &[(&str, &str)] = match role {
        "market" | "secrets" => &[("rpc", "rpcUrl"), ("hub", "hub")],
        "explorer" => &[
            ("rpc", "rpcUrl"),
            ("hub", "hub"),
            ("data-protector", "dataProtector"),
            ("ipfs-gateway", "ipfsGatewayUrl"),
        ],
        "scheduler" => &[
            ("rpc", "rpcUrl"),
            ("hub", "hub"),
            ("workerpool", "workerpool"),
            ("ipfs-node", "ipfsNodeUrl"),
            ("market", "gatewayUrl"),
        ],
        _ => &[],
    };
    for (flag, key) in known {
        command.arg(format!("--{flag}")).arg(ready[*key].as_str().expect("text"));
    }
    for (flag, value) in more {
        command.arg(format!("--{flag}")).arg(value);
    }
    let (process, told) = Process::announced(command, &folder.join(format!("{role}.log")));
    let Value::Object(told) = told else { panic!("{role} announces {told}") };
    (process, told)
}
