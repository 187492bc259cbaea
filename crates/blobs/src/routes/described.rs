//! What each route takes and answers, for people and programs (OpenAPI). The forms are kubo's.

use metacloud_routes::{Operation, Shape, Tag};

pub(super) const TAG: Tag = Tag {
    name: "storage",
    about: "Files by the hash of their content: the part of kubo's API and of an IPFS gateway that clients use.",
};
pub(super) const UPLOADS: Tag =
    Tag { name: "uploads", about: "Uploads that go on where they broke off (tus 1.0.0)." };

const JSON: &str = "application/json";
const MALFORMED: (u16, &str) = (400, "A parameter or the body is malformed, or not supported.");
const UNKNOWN: (u16, &str) = (404, "Nothing of this name is here.");
const BROKEN: (u16, &str) = (422, "What lies under this name is no file or directory that can be read.");
const UNREAD: (u16, &str) = (500, "It cannot be read now.");
const BUSY: (u16, &str) = (503, "Too many uploads are in flight; try again.");
const FULL: (u16, &str) = (507, "The quota is used up, or the disk is full.");

fn refused(operation: Operation, refusals: &[(u16, &str)]) -> Operation {
    refusals.iter().fold(operation, |operation, (status, about)| {
        operation.answers_shape(*status, JSON, refusal(), about)
    })
}

fn refusal() -> Shape {
    let members = [
        ("Message", Shape::any_text(), true),
        ("Code", Shape::integer(0, 0), true),
        ("Type", Shape::words(&["error"]), true),
    ];
    Shape::object("KuboError", members)
}

fn cid() -> Shape {
    Shape::pattern("^(Qm[1-9A-HJ-NP-Za-km-z]{44}|b[a-z2-7]+)$")
}

fn size() -> Shape {
    Shape::integer(0, i64::MAX as u64)
}

/// A path in the parameter `arg`, and what every such request may be refused with.
fn of_path(operation: Operation) -> Operation {
    let operation = operation.query_needed(
        "arg",
        Shape::any_text(),
        "`[/ipfs/]CID[/name]…`; may be given several times where that makes sense.",
    );
    refused(operation, &[MALFORMED, UNKNOWN, BROKEN, UNREAD])
}

fn form(operation: Operation) -> Operation {
    let file = Shape::object("UploadedFile", [("file", Shape::bytes(), true)]);
    let refusals = [
        MALFORMED,
        (408, "The sender paused for too long."),
        (413, "The body, or a file in it, is too long."),
        UNREAD,
        BUSY,
        FULL,
    ];
    refused(operation.takes_shape("multipart/form-data", file), &refusals)
}

pub(super) fn add() -> Operation {
    let line = [
        ("Name", Shape::any_text(), true),
        ("Hash", cid(), true),
        ("Size", Shape::pattern("^[0-9]+$"), true),
    ];
    form(Operation::new("addFiles", "Takes files and directories in, and answers their names."))
        .about("Answers one line of JSON for each file and directory; with `progress` also while the body still comes.")
        .query("cid-version", Shape::words(&["0", "1"]), "Version of the names.")
        .query("raw-leaves", Shape::truth(), "Whether pieces are stored bare; else true with version 1.")
        .query("only-hash", Shape::truth(), "Keep nothing, only tell names.")
        .query("pin", Shape::truth(), "Keep it whatever happens; without, it stays while a deal needs it.")
        .query("wrap-with-directory", Shape::truth(), "Put everything into one directory more.")
        .query("progress", Shape::truth(), "Tell of progress.")
        .query("chunker", Shape::any_text(), "`size-N` with N from 1024 to 1048576.")
        .answers_shape(200, JSON, Shape::object("KuboAdded", line), "Lines of JSON, the root last.")
}

pub(super) fn cat() -> Operation {
    of_path(Operation::new("catFile", "The content of files."))
        .query("offset", size(), "Bytes to leave out at the beginning.")
        .query("length", size(), "Most bytes to answer.")
        .answers_bytes(200, "application/octet-stream", "The bytes.")
}

pub(super) fn ls() -> Operation {
    let link = Shape::object(
        "KuboLink",
        [
            ("Name", Shape::any_text(), true),
            ("Hash", cid(), true),
            ("Size", size(), true),
            ("Type", Shape::signed(-1, 2), true),
            ("Target", Shape::any_text(), true),
        ],
    );
    let listed = Shape::object("KuboListed", [("Hash", cid(), true), ("Links", link.list(), true)]);
    of_path(Operation::new("listDirectory", "What lies in directories.")).answers_shape(
        200,
        JSON,
        Shape::object("KuboList", [("Objects", listed.list(), true)]),
        "One object for each path.",
    )
}

fn block() -> Shape {
    Shape::object("KuboBlock", [("Key", cid(), true), ("Size", size(), true)])
}

pub(super) fn block_get() -> Operation {
    of_path(Operation::new("getBlock", "The bytes of one node.")).answers_bytes(
        200,
        "application/vnd.ipld.raw",
        "The bytes.",
    )
}

pub(super) fn block_put() -> Operation {
    form(Operation::new("putBlock", "Takes one node in."))
        .query("cid-codec", Shape::words(&["raw", "dag-pb"]), "What it is.")
        .query("format", Shape::words(&["v0", "protobuf", "dag-pb", "raw"]), "The older word for it.")
        .query("mhtype", Shape::words(&["sha2-256"]), "The hash.")
        .query("pin", Shape::truth(), "Keep it whatever happens.")
        .answers_shape(200, JSON, block(), "Its name and size.")
}

pub(super) fn block_stat() -> Operation {
    of_path(Operation::new("statBlock", "The size of one node.")).answers_shape(
        200,
        JSON,
        block(),
        "Its name and size.",
    )
}

pub(super) fn dag_export() -> Operation {
    of_path(Operation::new("exportDag", "A file or directory with all its nodes, as a CAR.")).answers_bytes(
        200,
        "application/vnd.ipld.car; version=1",
        "The archive.",
    )
}

pub(super) fn files_stat() -> Operation {
    let members =
        [("Hash", cid(), true), ("Size", size(), true), ("Type", Shape::words(&["file", "directory"]), true)];
    of_path(Operation::new("statFile", "What a path is.")).answers_shape(
        200,
        JSON,
        Shape::object("KuboStat", members),
        "Name, size and kind.",
    )
}

fn pins() -> Shape {
    Shape::object("KuboPins", [("Pins", cid().list(), true)])
}

fn recursive(operation: Operation) -> Operation {
    operation.query("recursive", Shape::words(&["", "true"]), "Pins here are recursive.")
}

pub(super) fn pin_add() -> Operation {
    let operation = recursive(of_path(Operation::new("addPin", "Keeps content, with all that it leads to.")));
    refused(operation, &[FULL]).answers_shape(200, JSON, pins(), "What is pinned.")
}

pub(super) fn pin_rm() -> Operation {
    let operation = recursive(of_path(Operation::new("removePin", "Keeps content no longer.")));
    refused(operation, &[(500, "It is not pinned, or cannot be read now; kubo answers so.")]).answers_shape(
        200,
        JSON,
        pins(),
        "What is no longer pinned.",
    )
}

pub(super) fn pin_ls() -> Operation {
    let pin = Shape::object("KuboPin", [("Type", Shape::words(&["recursive"]), true)]);
    let line =
        Shape::object("KuboPinLine", [("Cid", cid(), true), ("Type", Shape::words(&["recursive"]), true)]);
    let keys = Shape::object("KuboKeys", [("Keys", pin.map(), true)]);
    let operation = Operation::new("listPins", "What is pinned.")
        .query("arg", Shape::any_text(), "Only these paths.")
        .query("type", Shape::words(&["", "all", "recursive"]), "Pins here are recursive.")
        .query("stream", Shape::truth(), "Answer line by line.")
        .answers_shape(
            200,
            JSON,
            Shape::any_of([keys, line]),
            "All pins; with `stream` a line of JSON for each.",
        );
    refused(
        operation,
        &[MALFORMED, UNKNOWN, BROKEN, (500, "A path is not pinned, or cannot be read now; kubo answers so.")],
    )
}

pub(super) fn repo_stat() -> Operation {
    let members = [("RepoSize", size(), true), ("StorageMax", Shape::integer(0, u64::MAX), true)];
    Operation::new("statRepo", "How full the storage is.").answers_shape(
        200,
        JSON,
        Shape::object("KuboRepo", members),
        "Bytes.",
    )
}

pub(super) fn version() -> Operation {
    let text = Shape::any_text;
    let members = [
        ("Version", text(), true),
        ("Commit", text(), true),
        ("Repo", text(), true),
        ("System", text(), true),
    ];
    Operation::new("getStorageVersion", "Version of the program that answers, in kubo's form.").answers_shape(
        200,
        JSON,
        Shape::object("KuboVersion", members),
        "The version.",
    )
}

fn of_content(operation: Operation) -> Operation {
    operation
        .path("path", Shape::any_text(), "`CID[/name]…`: several segments.")
        .query(
            "format",
            Shape::words(&["", "raw", "car"]),
            "The file, its node, or all its nodes; else by `accept`.",
        )
        .query("car-version", Shape::words(&["1"]), "With `format=car`.")
        .query("dag-scope", Shape::words(&["block", "entity", "all"]), "With `format=car`.")
        .header("range", Shape::any_text(), "Parts of a file (RFC 9110).")
        .header("if-range", Shape::any_text(), "Parts only of this version.")
        .header("if-none-match", Shape::any_text(), "Versions that are known.")
}

pub(super) fn gateway() -> Operation {
    let mut operation = of_content(Operation::new("getContent", "Content by its name, in whole or in part."));
    for kind in [
        "application/octet-stream",
        "application/zip",
        "application/pdf",
        "application/wasm",
        "image/png",
        "image/jpeg",
        "image/gif",
        "text/plain; charset=utf-8",
        "text/html; charset=utf-8",
        "application/vnd.ipld.raw",
        "application/vnd.ipld.car; version=1; order=dfs; dups=n",
    ] {
        operation =
            operation.answers_bytes(200, kind, "The content; a directory as a page. The type is guessed.");
    }
    operation = operation
        .answer_header(200, "etag", Shape::any_text(), "Its name.")
        .answers_bytes(206, "*/*", "The parts that were asked for.")
        .answer_header(206, "content-range", Shape::any_text(), "Which part, if it is one.")
        .answers_empty(304, "It is known.");
    refused(operation, &[MALFORMED, UNKNOWN, (416, "The file ends before that."), BROKEN, UNREAD])
}

pub(super) fn gateway_head() -> Operation {
    of_content(Operation::new("headContent", "Whether content is here, and how long it is."))
        .answers_empty(200, "It is here.")
        .answers_empty(206, "The parts that were asked for are here.")
        .answers_empty(304, "It is known.")
        .refuses_empty(&[MALFORMED, UNKNOWN, (416, "The file ends before that."), BROKEN, UNREAD])
}

fn of_version(operation: Operation) -> Operation {
    operation.header_needed("tus-resumable", Shape::words(&["1.0.0"]), "Version of the protocol.")
}

fn of_upload(operation: Operation) -> Operation {
    operation.path("id", Shape::any_text(), "The upload.")
}

pub(super) fn offer_of_upload() -> Operation {
    refused(of_upload(offer("getUploadsOffer")), &[MALFORMED])
}

pub(super) fn offer(id: &'static str) -> Operation {
    Operation::new(id, "What of tus is spoken here.")
        .answers_empty(204, "The versions, extensions and limits.")
        .answer_header(204, "tus-version", Shape::any_text(), "Versions.")
        .answer_header(204, "tus-extension", Shape::any_text(), "Extensions.")
        .answer_header(204, "tus-max-size", Shape::pattern("^[0-9]+$"), "Longest file in bytes.")
}

const OLDER: (u16, &str) = (412, "Another version of the protocol is spoken.");
const GONE: (u16, &str) = (404, "There is no such upload.");

pub(super) fn create() -> Operation {
    let operation = of_version(Operation::new("createUpload", "Begins an upload."))
        .header_needed("upload-length", size(), "Its length in bytes.")
        .answers_empty(201, "It is open.")
        .answer_header(201, "location", Shape::pattern("^/files/"), "Where it is.")
        .answer_header(201, "upload-offset", Shape::pattern("^[0-9]+$"), "Bytes that are here.");
    refused(
        operation,
        &[
            MALFORMED,
            OLDER,
            (413, "It is too long."),
            UNREAD,
            (503, "Too many uploads are open; try again."),
            FULL,
        ],
    )
}

pub(super) fn standing() -> Operation {
    of_upload(of_version(Operation::new("headUpload", "How much of an upload is here.")))
        .answers_empty(200, "How much is here; when it is whole, its name.")
        .answer_header(200, "upload-offset", Shape::pattern("^[0-9]+$"), "Bytes that are here.")
        .refuses_empty(&[MALFORMED, GONE, OLDER, (423, "A piece is on its way."), UNREAD])
}

pub(super) fn piece() -> Operation {
    let operation = of_upload(of_version(Operation::new("sendPiece", "Sends the next piece of an upload.")))
        .header_needed("upload-offset", size(), "Where it begins.")
        .takes_bytes("application/offset+octet-stream")
        .answers_empty(204, "How much is here now; when it is whole, its name.")
        .answer_header(204, "upload-offset", Shape::pattern("^[0-9]+$"), "Bytes that are here.");
    let refusals = [
        MALFORMED,
        GONE,
        (409, "The piece begins elsewhere than the upload ends."),
        OLDER,
        (413, "It is longer than was told."),
        (415, "A piece has another content type."),
        (423, "Another piece is on its way."),
        UNREAD,
        BUSY,
        FULL,
    ];
    refused(operation, &refusals)
}

pub(super) fn close() -> Operation {
    let operation = of_upload(of_version(Operation::new("closeUpload", "Gives an upload up.")))
        .answers_empty(204, "It is gone.");
    refused(operation, &[MALFORMED, GONE, OLDER, (423, "A piece is on its way."), UNREAD])
}
