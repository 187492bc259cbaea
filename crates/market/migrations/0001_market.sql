-- What is followed: one hub on one chain, up to one block.
CREATE TABLE source (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    chain_id INTEGER NOT NULL,
    hub BLOB NOT NULL,
    block_number INTEGER,
    block_hash BLOB
) STRICT;

-- Every order ever published and not taken back.
CREATE TABLE market_order (
    hash BLOB NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    signer BLOB NOT NULL,
    published_ms INTEGER NOT NULL,
    remaining INTEGER NOT NULL,
    status TEXT NOT NULL,
    grouped INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX market_order_open ON market_order (kind) WHERE status = 'open';

-- What blocks did to orders, to undo it when they are reverted.
CREATE TABLE order_change (
    seq INTEGER NOT NULL PRIMARY KEY,
    block_number INTEGER NOT NULL,
    hash BLOB NOT NULL,
    remaining INTEGER NOT NULL,
    status TEXT NOT NULL
) STRICT;
CREATE INDEX order_change_block ON order_change (block_number);

CREATE TABLE deal (
    id BLOB NOT NULL PRIMARY KEY,
    block_number INTEGER NOT NULL,
    body TEXT NOT NULL,
    requester BLOB NOT NULL,
    beneficiary BLOB NOT NULL,
    app BLOB NOT NULL,
    dataset BLOB NOT NULL,
    workerpool BLOB NOT NULL,
    app_owner BLOB NOT NULL,
    dataset_owner BLOB NOT NULL,
    workerpool_owner BLOB NOT NULL,
    category INTEGER NOT NULL,
    app_hash BLOB NOT NULL,
    dataset_hash BLOB NOT NULL,
    workerpool_hash BLOB NOT NULL,
    request_hash BLOB NOT NULL
) STRICT;
CREATE INDEX deal_block ON deal (block_number DESC, id);
CREATE INDEX deal_requester ON deal (requester, block_number DESC);
CREATE INDEX deal_app_hash ON deal (app_hash);
CREATE INDEX deal_dataset_hash ON deal (dataset_hash);
CREATE INDEX deal_workerpool_hash ON deal (workerpool_hash);
CREATE INDEX deal_request_hash ON deal (request_hash);
