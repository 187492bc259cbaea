//! What each route takes and answers, for people and programs (OpenAPI).

use metacloud_routes::{Login, Operation, Shape, Tag};
use metacloud_wire::enclave::{SecretsAnswer, SecretsRequest};
use metacloud_wire::schema::AddressText;
use metacloud_wire::secrets::{
    ACCOUNT_NAME_BYTES_MAX, DeleteSecret, ErrorText, OldErrors, SecretView, SetSecret, VALUE_BYTES_MAX,
};

pub(super) const TAG: Tag = Tag {
    name: "secrets",
    about: "Secrets that only the enclave of a task may have (SMS). Values are never readable here.",
};

const OWNER: Login = Login {
    name: "secretSignature",
    about: "The owner's signature over the secret's digest as a personal message: 65 bytes in hex with 0x (more only \
            for contract accounts), and nothing else. The digest is that of iExec's service.",
};

/// Refusals of every write of the old form, and when.
const WRITE: &[(u16, &str)] = &[
    (400, "An address, a name or the value is malformed."),
    (401, "No signature, or not the owner's."),
    (413, "The value is longer than 4096 bytes, or the request's body is far longer."),
    (429, "The owner has too many secrets."),
    (500, "Chain or database do not answer; try again later."),
    (503, "Too many requests at once; try again."),
];
const EXISTS: (u16, &str) = (409, "It is already set.");
/// Refusals of every question of the old form, and when.
const READ: &[(u16, &str)] = &[
    (400, "An address or a name is malformed."),
    (404, "It is not set."),
    (500, "The database does not answer; try again later."),
];

fn address() -> Shape {
    Shape::of::<AddressText>()
}

fn present(id: &'static str, summary: &str) -> Operation {
    Operation::new(id, summary).answers_empty(204, "It is set.").refuses_empty(READ)
}

fn write(id: &'static str, summary: &str) -> Operation {
    Operation::new(id, summary)
        .login(OWNER)
        .takes_shape("text/plain", Shape::text(1, VALUE_BYTES_MAX))
        .answers_empty(204, "It is set.")
}

fn dataset(operation: Operation) -> Operation {
    operation.query_needed("secretAddress", address(), "The dataset.")
}

fn account(operation: Operation) -> Operation {
    operation.query_needed("ownerAddress", address(), "The account.").query_needed(
        "secretName",
        Shape::text(1, ACCOUNT_NAME_BYTES_MAX),
        "Its name, of at most 256 bytes.",
    )
}

fn app(operation: Operation) -> Operation {
    operation.path("app", address(), "The application.")
}

fn requester(operation: Operation) -> Operation {
    operation.path("requester", address(), "The account.").path(
        "name",
        Shape::pattern("^[0-9A-Za-z_-]{1,64}$"),
        "The name, to which deals refer.",
    )
}

pub(super) fn dataset_present() -> Operation {
    dataset(present("hasDatasetKey", "Whether the key of a dataset is set."))
}

pub(super) fn dataset_create() -> Operation {
    dataset(write("setDatasetKey", "Sets the key of a dataset, once, by the dataset's owner on chain."))
        .refuses_empty(WRITE)
        .refuses_empty(&[EXISTS])
}

pub(super) fn account_present() -> Operation {
    account(present("hasAccountSecret", "Whether a secret of an account is set."))
}

pub(super) fn account_create() -> Operation {
    account(write("setAccountSecret", "Sets a secret of an account."))
        .refuses_empty(WRITE)
        .refuses_empty(&[EXISTS])
}

pub(super) fn account_replace() -> Operation {
    account(write("replaceAccountSecret", "Replaces a secret of an account."))
        .refuses_empty(WRITE)
        .refuses_empty(&[
            (404, "There is none to replace."),
            (409, "This value was replaced before: it could be anybody's copy."),
        ])
}

pub(super) fn app_present() -> Operation {
    app(present("hasAppSecret", "Whether the secret of an application is set."))
}

pub(super) fn app_create() -> Operation {
    app(write(
        "setAppSecret",
        "Sets the secret of an application, once, by the application's owner on chain.",
    ))
    .refuses::<OldErrors>(WRITE)
    .refuses::<OldErrors>(&[EXISTS])
}

pub(super) fn requester_present() -> Operation {
    requester(present("hasRequesterSecret", "Whether a secret of a requester is set."))
}

pub(super) fn requester_create() -> Operation {
    requester(write("setRequesterSecret", "Sets a secret of a requester, once."))
        .refuses::<OldErrors>(WRITE)
        .refuses::<OldErrors>(&[EXISTS])
}

pub(super) fn show() -> Operation {
    Operation::new("getSecretView", "When a secret was set, and which enclaves may receive it.")
        .query_needed("kind", Shape::words(&["dataset", "account", "app", "requester"]), "Whose secret.")
        .query_needed("subject", address(), "The dataset, application or account.")
        .query_needed("name", Shape::any_text(), "Empty for a dataset's key, 1 for an application's.")
        .answers::<SecretView>(200, "Never the value.")
        .refuses::<ErrorText>(READ)
}

pub(super) fn set() -> Operation {
    Operation::new("setSecret", "Sets a secret by a message with policy, nonce and expiry (EIP-712).")
        .takes::<SetSecret>()
        .answers_empty(204, "It is set.")
        .refuses::<ErrorText>(WRITE)
        .refuses::<ErrorText>(&[
            (401, "Not signed by the owner, expired, or its nonce served before."),
            (409, "It is already set, and the message does not replace it."),
        ])
}

pub(super) fn delete() -> Operation {
    Operation::new("deleteSecret", "Removes a secret by a message with nonce and expiry (EIP-712).")
        .takes::<DeleteSecret>()
        .answers_empty(204, "It is removed.")
        .refuses::<ErrorText>(&[
            (400, "An address or a name is malformed, or the message lives too long."),
            (401, "Not signed by the owner, expired, or its nonce served before."),
            (404, "It is not set."),
            (413, "The request's body is far longer."),
            (429, "The signer has too many messages alive, or asks too often."),
            (500, "Chain or database do not answer; try again later."),
            (503, "Too many requests at once; try again."),
        ])
}

pub(super) fn enclave() -> Operation {
    Operation::new("releaseSecrets", "What the enclave of one task may have, sealed to its key.")
        .takes::<SecretsRequest>()
        .answers::<SecretsAnswer>(200, "Opens only in the enclave.")
        .refuses::<ErrorText>(&[
            (400, "The request is malformed."),
            (401, "The evidence or the pool's authorization is not taken."),
            (403, "The policy of a secret, or of this service, does not admit this enclave."),
            (404, "There is no such task, or a secret that its deal needs is not set; the error names it."),
            (409, "The task is over."),
            (413, "The body is longer than 512 KiB."),
            (500, "Chain or database do not answer; try again later."),
            (503, "Too many requests at once; try again."),
        ])
}
