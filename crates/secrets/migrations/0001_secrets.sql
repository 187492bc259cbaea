-- Whose secrets these are, and a value that opens under the right key file only.
CREATE TABLE service (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    chain_id INTEGER NOT NULL,
    hub BLOB NOT NULL,
    key_check BLOB NOT NULL
) STRICT;

-- The secrets. `release` is the policy as text; `sealed` is bound to all other columns but `set_ms`.
CREATE TABLE secret (
    kind TEXT NOT NULL,
    subject BLOB NOT NULL,
    name TEXT NOT NULL,
    release TEXT NOT NULL,
    set_ms INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (kind, subject, name)
) STRICT, WITHOUT ROWID;

-- Keyed marks of values that gave way: the old form, which has no nonce, does not bring them back.
CREATE TABLE replaced (
    kind TEXT NOT NULL,
    subject BLOB NOT NULL,
    name TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    PRIMARY KEY (kind, subject, name, fingerprint)
) STRICT, WITHOUT ROWID;

-- Nonces of the signed form, until their messages expire.
CREATE TABLE used_nonce (
    signer BLOB NOT NULL,
    nonce BLOB NOT NULL,
    expires_s INTEGER NOT NULL,
    PRIMARY KEY (signer, nonce)
) STRICT, WITHOUT ROWID;

CREATE INDEX used_nonce_expires ON used_nonce (expires_s);
