//! The pool stream: every message survives the wire, and what is malformed is refused with its place named.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers as well")]

use std::num::NonZeroU64;

use alloy_primitives::{Address, B256, Bytes, U256};
use metacloud_protocol::result::ResultLink;
use metacloud_protocol::{DealId, ResultDigest, ResultHash, Tag, TaskId};
use metacloud_wire::cause::{CAUSES_MAX, Cause, Failure};
use metacloud_wire::enclave::{EnclaveKind, Evidence, Statement};
use metacloud_wire::pool::*;
use metacloud_wire::{ParseError, Signature};
use prost::Message as _;

fn signature() -> Signature {
    Bytes::from(vec![0x5a; 65]).try_into().unwrap()
}

fn assign() -> Assign {
    let deal = DealId(B256::repeat_byte(0x11));
    Assign {
        task: TaskId::derive(deal, U256::from(3)),
        deal,
        index: 3,
        settlement: Settlement::OneStep,
        enclave_challenge: Address::repeat_byte(0x33),
        authorization: signature(),
        contribution_deadline_s: 1_768_473_330,
        compute_seconds: 300,
    }
}

fn hello() -> Hello {
    Hello {
        worker: Address::repeat_byte(0x22),
        signature: signature(),
        protocol: 1..=PROTOCOL_VERSION,
        capacity: Capacity { slots: 2, memory_bytes: 1 << 30, tag: Tag::GPU, enclave: None },
        resume: Some((Numbering(NonZeroU64::new(7).unwrap()), Seq(41))),
        tasks: vec![HeldTask { task: assign().task, status: ReportStatus::Contributed }],
    }
}

fn welcome() -> Welcome {
    Welcome {
        heartbeat_s: 2,
        lease_s: 6,
        ipfs_node_url: "http://127.0.0.1:8600".into(),
        ipfs_gateway_url: "http://127.0.0.1:8600".into(),
        protocol: 1,
        numbering: Numbering(NonZeroU64::new(7).unwrap()),
        sms_url: None,
    }
}

fn hello_with_enclave() -> Hello {
    let offer = EnclaveOffer { kind: EnclaveKind::Simulation, root: Address::repeat_byte(0x99) };
    Hello { capacity: Capacity { enclave: Some(offer), ..hello().capacity }, ..hello() }
}

fn evidence() -> Evidence {
    let statement = Statement {
        chain_id: 65_535,
        hub: Address::repeat_byte(0x66),
        task_id: assign().task,
        worker: Address::repeat_byte(0x22),
        enclave: Address::repeat_byte(0x33),
        seal_key: B256::repeat_byte(0x88),
        expires: 1_768_473_330,
    };
    let report = metacloud_wire::enclave::Report {
        kind: EnclaveKind::Simulation,
        measurement: B256::repeat_byte(0x77),
        statement: statement.digest(),
    };
    Evidence { statement, report, signature: Bytes::from(vec![0x5a; 65]) }
}

fn report() -> Report {
    Report {
        failures: vec![Failure::new(Cause::APP_COMPUTE_FAILED, "exit code 3")],
        digest: Some(ResultDigest(B256::repeat_byte(0xdd))),
        link: Some(ResultLink::ipfs("QmTest")),
        callback_data: Some(Bytes::from_static(b"\x01")),
        exit_code: Some(-3),
        stdout_tail: "out".into(),
        stderr_tail: "err".into(),
        fuel_used: 12_345,
        compute_ms: 678,
        ..Report::new(assign().task, ReportStatus::Failed)
    }
}

fn from_worker_samples() -> Vec<(&'static str, FromWorker)> {
    vec![
        ("hello", FromWorker::Hello(hello())),
        ("ack", FromWorker::Ack(Seq(9))),
        ("heartbeat", FromWorker::Heartbeat { free_slots: 1 }),
        ("report", FromWorker::Report(report())),
        ("evidence", FromWorker::Evidence(Box::new(evidence()))),
        ("hello_with_enclave", FromWorker::Hello(hello_with_enclave())),
        (
            "report_with_archive_sign",
            FromWorker::Report(Report { archive_sign: signature().as_bytes().clone(), ..report() }),
        ),
    ]
}

fn from_pool_samples() -> Vec<(&'static str, FromPool)> {
    let task = assign().task;
    let numbered = |instruction| FromPool::Numbered { seq: Seq(5), instruction };
    vec![
        (
            "challenge",
            FromPool::Challenge(Challenge {
                nonce: B256::repeat_byte(0x44),
                expires_s: 1_768_471_290,
                pool: Address::repeat_byte(0x55),
                hub: Address::repeat_byte(0x66),
                chain_id: 65_535,
            }),
        ),
        ("welcome", FromPool::Welcome(welcome())),
        (
            "welcome_with_sms",
            FromPool::Welcome(Welcome { sms_url: Some("http://127.0.0.1:8600".into()), ..welcome() }),
        ),
        (
            "authorize",
            numbered(Instruction::Authorize {
                task,
                enclave: Address::repeat_byte(0x33),
                authorization: signature(),
            }),
        ),
        ("refused", FromPool::Refused(Refusal { code: RefusedCode::Login, reason: "wrong signer".into() })),
        ("assign", numbered(Instruction::Assign(assign()))),
        (
            "reveal",
            numbered(Instruction::Reveal {
                task,
                consensus: ResultHash(B256::repeat_byte(0x77)),
                upload: true,
            }),
        ),
        ("upload", numbered(Instruction::Upload { task })),
        ("abort", numbered(Instruction::Abort { task, cause: Cause::CONSENSUS_REACHED })),
    ]
}

/// One line per message, `name hex`, compared with the committed file: the encoding never changes by accident.
#[test]
fn encoding_is_the_committed_one() {
    let encoded = |name: &str, bytes: Vec<u8>| format!("{name} {}\n", alloy_primitives::hex::encode(bytes));
    let mut lines = String::new();
    for (name, message) in from_worker_samples() {
        lines += &encoded(name, proto::WorkerMessage::from(message).encode_to_vec());
    }
    for (name, message) in from_pool_samples() {
        lines += &encoded(name, proto::PoolMessage::from(message).encode_to_vec());
    }
    golden(lines);
}

fn golden(found: String) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/pool.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    assert_eq!(found, std::fs::read_to_string(&path).unwrap());
}

#[test]
fn every_message_survives_the_wire() {
    for (name, message) in from_worker_samples() {
        let bytes = proto::WorkerMessage::from(message.clone()).encode_to_vec();
        let read = FromWorker::try_from(proto::WorkerMessage::decode(bytes.as_slice()).unwrap());
        assert_eq!(read, Ok(message), "{name}");
    }
    for (name, message) in from_pool_samples() {
        let bytes = proto::PoolMessage::from(message.clone()).encode_to_vec();
        let read = FromPool::try_from(proto::PoolMessage::decode(bytes.as_slice()).unwrap());
        assert_eq!(read, Ok(message), "{name}");
    }
}

/// Where the refusal of a changed message points.
fn field(error: ParseError) -> &'static str {
    match error {
        ParseError::Missing { field }
        | ParseError::Length { field, .. }
        | ParseError::TooLong { field, .. }
        | ParseError::Value { field, .. } => field,
    }
}

#[test]
fn malformed_hello_is_refused() {
    type Change = fn(&mut proto::Hello);
    let changes: [(Change, &str); 10] = [
        (|h| h.worker.clear(), "Hello.worker"),
        (|h| h.worker.push(0), "Hello.worker"),
        (|h| h.signature = vec![0; 5_000], "sign"),
        (|h| h.protocol_min = 2, "Hello.protocol_min"),
        (|h| h.capacity = None, "Hello.capacity"),
        (|h| h.capacity.as_mut().unwrap().slots = 0, "Capacity.slots"),
        (|h| h.capacity.as_mut().unwrap().slots = SLOTS_MAX + 1, "Capacity.slots"),
        (|h| h.tasks.push(h.tasks[0].clone()), "Hello.tasks"),
        (|h| h.tasks = vec![proto::HeldTask::default(); HELD_TASKS_MAX + 1], "Hello.tasks"),
        (|h| h.tasks[0].status = 99, "HeldTask.status"),
    ];
    for (change, place) in changes {
        let mut message = proto::Hello::from(hello());
        change(&mut message);
        assert_eq!(Hello::try_from(message).map_err(field), Err(place));
    }
}

#[test]
fn malformed_offers_and_evidence_of_enclaves_are_refused() {
    type Change = fn(&mut proto::EnclaveOffer);
    let changes: [(Change, &str); 3] = [
        (|offer| offer.kind = "sgx".into(), "EnclaveOffer.kind"),
        (|offer| offer.kind = "Simulation".into(), "EnclaveOffer.kind"),
        (|offer| offer.root.truncate(19), "EnclaveOffer.root"),
    ];
    for (change, place) in changes {
        let mut message = proto::Hello::from(hello_with_enclave());
        change(message.capacity.as_mut().unwrap().enclave.as_mut().unwrap());
        assert_eq!(Hello::try_from(message).map_err(field), Err(place));
    }
    let sound = serde_json::to_vec(&evidence()).unwrap();
    let long = [sound.clone(), vec![b' '; EVIDENCE_BYTES_MAX]].concat();
    for bytes in [vec![], b"{}".to_vec(), sound[1..].to_vec(), vec![0xff; 100], long] {
        let message = proto::Evidence { evidence: bytes };
        assert_eq!(Evidence::try_from(message).map_err(field), Err("Evidence.evidence"));
    }
}

#[test]
fn malformed_report_is_refused() {
    type Change = fn(&mut proto::Report);
    let changes: [(Change, &str); 10] = [
        (|r| r.task_id.truncate(31), "Report.task_id"),
        (|r| r.status = 0, "Report.status"),
        (|r| r.causes.clear(), "Report.causes"),
        (|r| r.causes = vec![r.causes[0].clone(); CAUSES_MAX + 1], "Report.causes"),
        (|r| r.causes[0].cause = "oh no".into(), "cause"),
        (|r| r.digest = vec![1; 33], "Report.digest"),
        (|r| r.link = "not a link".into(), "Report.link"),
        (|r| r.stderr_tail = "x".repeat(LOG_TAIL_BYTES_MAX + 1), "Report.stderr_tail"),
        (|r| r.archive_sign = vec![0; 64], "Report.archive_sign"),
        (|r| r.callback_data = Some(vec![0; CALLBACK_BYTES_MAX + 1]), "Report.callback_data"),
    ];
    for (change, place) in changes {
        let mut message = proto::Report::from(report());
        change(&mut message);
        assert_eq!(Report::try_from(message).map_err(field), Err(place));
    }
}

#[test]
fn malformed_assign_is_refused() {
    type Change = fn(&mut proto::Assign);
    let changes: [(Change, &str); 6] = [
        (|a| a.index += 1, "Assign.task_id"),
        (|a| a.deal_id = vec![0; 32], "Assign.task_id"),
        (|a| a.settlement = 0, "Assign.settlement"),
        (|a| a.enclave_challenge.clear(), "Assign.enclave_challenge"),
        (|a| a.authorization = vec![0; 5_000], "sign"),
        (|a| a.compute_seconds = 0, "Assign.compute_seconds"),
    ];
    for (change, place) in changes {
        let mut message = proto::Assign::from(assign());
        change(&mut message);
        assert_eq!(Assign::try_from(message).map_err(field), Err(place));
    }
}

#[test]
fn numbers_stand_on_instructions_and_on_nothing_else() {
    for (name, message) in from_pool_samples() {
        let numbered = matches!(message, FromPool::Numbered { .. });
        let mut message = proto::PoolMessage::from(message);
        message.seq = if numbered { 0 } else { 1 };
        assert_eq!(FromPool::try_from(message).map_err(field), Err("PoolMessage.seq"), "{name}");
    }
    let empty = proto::PoolMessage { seq: 1, message: None };
    assert_eq!(FromPool::try_from(empty).map_err(field), Err("PoolMessage.message"));
    let ack = FromWorker::Ack(Seq(0));
    assert_eq!(FromWorker::try_from(proto::WorkerMessage::from(ack)).map_err(field), Err("Ack.seq"));
}

#[test]
fn welcome_without_room_for_heartbeats_or_with_a_foreign_url_is_refused() {
    type Change = fn(&mut proto::Welcome);
    let changes: [(Change, &str); 6] = [
        (|w| w.heartbeat_s = 0, "Welcome.heartbeat_s"),
        (|w| w.lease_s = w.heartbeat_s, "Welcome.lease_s"),
        (|w| w.lease_s = LEASE_S_MAX + 1, "Welcome.lease_s"),
        (|w| w.ipfs_node_url = "file:///etc".into(), "Welcome.ipfs_node_url"),
        (|w| w.numbering = 0, "Welcome.numbering"),
        (|w| w.sms_url = "file:///etc".into(), "Welcome.sms_url"),
    ];
    for (change, place) in changes {
        let mut message = proto::Welcome::from(welcome());
        change(&mut message);
        assert_eq!(Welcome::try_from(message).map_err(field), Err(place));
    }
}
