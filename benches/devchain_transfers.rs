//! How much CPU does a plain transfer over JSON-RPC cost, next to anvil's?
//!
//! Sends the same pre-signed transfers over the same number of keep-alive connections to this node (in a child process) and
//! to anvil, and compares the CPU time of the two server processes.
//!
//! `devchain_transfers --anvil PATH [--transfers N] [--connections M] [--durable DIR]`, or `devchain_transfers --serve [DIR]`
//! to run the node alone until its standard input ends.

use std::error::Error;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use alloy::consensus::{SignableTransaction as _, TxEip1559, TxEnvelope};
use alloy::eips::eip2718::Encodable2718 as _;
use alloy::signers::SignerSync as _;
use alloy::signers::local::PrivateKeySigner;
use alloy_primitives::{Address, Bytes, TxKind, U256, hex};
use metacloud_devchain::accounts::development_accounts;
use metacloud_devchain::{BaseFee, Config, start};
use serde_json::{Value, json};

type Failure = Box<dyn Error + Send + Sync>;

const CHAIN_ID: u64 = 31_337;
/// CPU ticks per second of `/proc/<pid>/stat` on Linux.
const TICKS_PER_S: u64 = 100;
/// Ours over anvil's.
const BOUND: f64 = 0.3;
/// Transfers per connection between waits: the peer mines behind its answers, and falls far behind without them. The first
/// round warms up and is not measured.
const ROUND: usize = 50;
const PATIENCE: Duration = Duration::from_secs(60);

struct Options {
    anvil: Option<PathBuf>,
    serve: bool,
    transfers: u64,
    connections: usize,
    durable: Option<PathBuf>,
}

fn main() -> Result<(), Failure> {
    let options = options()?;
    if options.serve {
        return serve(options.durable);
    }
    let anvil = options
        .anvil
        .as_ref()
        .ok_or("--anvil PATH is missing: the native binary of npm @foundry-rs/anvil")?;
    let per_connection = options.transfers / options.connections as u64;
    let bodies: Vec<Vec<Vec<u8>>> = (0..options.connections)
        .map(|index| signed_bodies(index, per_connection + ROUND as u64))
        .collect::<Result<_, _>>()?;
    let (mut ours, address) = spawn_ours(options.durable.as_ref())?;
    let ours_us = measure(&ours, address, &bodies);
    ours.kill()?;
    ours.wait()?;
    let (mut peer, address) = spawn_anvil(anvil)?;
    let peer_us = measure(&peer, address, &bodies);
    peer.kill()?;
    peer.wait()?;
    let ours_us = ours_us.map_err(|error| format!("this node: {error}"))?;
    let peer_us = peer_us.map_err(|error| format!("anvil: {error}"))?;
    writeln!(
        std::io::stdout(),
        "{}",
        json!({
            "bench": "devchain_transfers", "ours": ours_us, "peer": peer_us, "peerName": "anvil",
            "unit": "us CPU per transfer", "ratio": ours_us / peer_us, "bound": BOUND,
        })
    )?;
    Ok(())
}

fn options() -> Result<Options, Failure> {
    let mut options = Options { anvil: None, serve: false, transfers: 10_000, connections: 8, durable: None };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--anvil" => options.anvil = Some(value()?.into()),
            "--transfers" => options.transfers = value()?.parse()?,
            "--connections" => options.connections = value()?.parse()?,
            "--durable" => options.durable = Some(value()?.into()),
            "--serve" => {
                options.serve = true;
                options.durable = arguments.next().map(PathBuf::from);
            }
            other => return Err(format!("unknown argument {other}").into()),
        }
    }
    if !(1..=20).contains(&options.connections) {
        return Err("--connections must be 1 to 20: each sends from one development account".into());
    }
    Ok(options)
}

/// The node alone: prints its address, ends with its standard input.
fn serve(data_dir: Option<PathBuf>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let config = Config {
        data_dir,
        base_fee_wei: BaseFee::Eip1559 { initial: 1_000_000_000 },
        ..Config::in_memory(CHAIN_ID)
    };
    let chain = runtime.block_on(start(config))?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{}", chain.local_addr())?;
    stdout.flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    runtime.block_on(chain.stop())?;
    Ok(())
}

fn signed_bodies(index: usize, count: u64) -> Result<Vec<Vec<u8>>, Failure> {
    let signer = PrivateKeySigner::from_bytes(&development_accounts()[index].private_key)?;
    (0..count)
        .map(|nonce| {
            let transaction = TxEip1559 {
                chain_id: CHAIN_ID,
                nonce,
                gas_limit: 21_000,
                max_fee_per_gas: 20_000_000_000,
                max_priority_fee_per_gas: 1,
                to: TxKind::Call(Address::repeat_byte(0xaa)),
                value: U256::from(1),
                access_list: Default::default(),
                input: Bytes::new(),
            };
            let signature = signer.sign_hash_sync(&transaction.signature_hash())?;
            let envelope: TxEnvelope = transaction.into_signed(signature).into();
            let raw = hex::encode_prefixed(envelope.encoded_2718());
            Ok(body("eth_sendRawTransaction", json!([raw])))
        })
        .collect()
}

fn body(method: &str, params: Value) -> Vec<u8> {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string().into_bytes()
}

fn spawn_ours(durable: Option<&PathBuf>) -> Result<(Child, SocketAddr), Failure> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg("--serve")
        .args(durable)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let stdout = child.stdout.take().ok_or("the child has no output")?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    Ok((child, line.trim().parse()?))
}

fn spawn_anvil(path: &PathBuf) -> Result<(Child, SocketAddr), Failure> {
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let child = Command::new(path)
        .args(["--silent", "--accounts", "20", "--port"])
        .arg(address.port().to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let started = Instant::now();
    while TcpStream::connect(address).is_err() {
        if started.elapsed() > PATIENCE {
            return Err("anvil does not listen".into());
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok((child, address))
}

/// CPU microseconds of the server per transfer.
fn measure(server: &Child, address: SocketAddr, bodies: &[Vec<Vec<u8>>]) -> Result<f64, Failure> {
    let mut before = 0;
    for (round, start) in (0..bodies[0].len()).step_by(ROUND).enumerate() {
        if round == 1 {
            before = cpu_ticks(server.id())?;
        }
        let end = bodies[0].len().min(start + ROUND);
        send_all(address, bodies, |bodies| &bodies[start..end])?;
        wait_until_mined(address, bodies.len(), end as u64)?;
    }
    let ticks = cpu_ticks(server.id())? - before;
    let transfers: usize = bodies.iter().map(|bodies| bodies.len() - ROUND).sum();
    Ok(ticks as f64 * 1e6 / TICKS_PER_S as f64 / transfers as f64)
}

fn send_all(
    address: SocketAddr,
    bodies: &[Vec<Vec<u8>>],
    part: impl Fn(&Vec<Vec<u8>>) -> &[Vec<u8>] + Sync,
) -> Result<(), Failure> {
    thread::scope(|scope| {
        let senders: Vec<_> = bodies
            .iter()
            .map(|bodies| {
                let bodies = part(bodies);
                scope.spawn(move || {
                    let mut connection = Connection::open(address)?;
                    for body in bodies {
                        let answer = connection.call(body)?;
                        if answer.get("error").is_some() {
                            return Err(Failure::from(format!("a transfer was refused: {answer}")));
                        }
                    }
                    Ok(())
                })
            })
            .collect();
        senders.into_iter().try_for_each(|sender| sender.join().map_err(|_| "a sender panicked")?)
    })
}

/// Automine of the peer is asynchronous: the work is done when every nonce is.
fn wait_until_mined(address: SocketAddr, senders: usize, nonce: u64) -> Result<(), Failure> {
    let mut connection = Connection::open(address)?;
    let started = Instant::now();
    for account in development_accounts().iter().take(senders) {
        let question = body("eth_getTransactionCount", json!([account.address, "latest"]));
        let wanted = json!(format!("{nonce:#x}"));
        loop {
            let answer = connection.call(&question)?;
            if answer["result"] == wanted {
                break;
            }
            if started.elapsed() > PATIENCE {
                return Err(format!("{} has nonce {answer}, not {wanted}", account.address).into());
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
    Ok(())
}

fn cpu_ticks(pid: u32) -> Result<u64, Failure> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, after_name) = stat.rsplit_once(')').ok_or("no process name in stat")?;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks =
        |index: usize| -> Result<u64, Failure> { Ok(fields.get(index).ok_or("stat is too short")?.parse()?) };
    // utime and stime are fields 14 and 15 of proc(5); the state, field 3, is the first after the name.
    Ok(ticks(11)? + ticks(12)?)
}

/// One keep-alive connection that costs the client little.
struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    fn open(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    fn call(&mut self, body: &[u8]) -> Result<Value, Failure> {
        let mut request = format!(
            "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        self.stream.get_mut().write_all(&request)?;
        let mut length = 0;
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line)?;
            if line == "\r\n" {
                break;
            }
            let line = line.to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
        }
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer)?;
        Ok(serde_json::from_slice(&answer)?)
    }
}
