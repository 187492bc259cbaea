-- What is followed: one hub on one chain, up to one block.
CREATE TABLE source (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    chain_id INTEGER NOT NULL,
    hub BLOB NOT NULL,
    genesis_hash BLOB NOT NULL,
    block_number INTEGER
) STRICT;

-- Blocks taken in, to find the last one in common with a chain that changed.
CREATE TABLE seen_block (
    number INTEGER NOT NULL PRIMARY KEY,
    hash BLOB NOT NULL,
    timestamp_s INTEGER NOT NULL
) STRICT;

-- Facts. Each is true from its block on and none is ever changed, so that a block is undone by forgetting its facts.
-- Amounts and other 256-bit numbers are 32 bytes, big-endian: they compare as numbers do.
CREATE TABLE asset (
    id BLOB NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    app_type TEXT NOT NULL,
    multiaddr BLOB NOT NULL,
    checksum BLOB NOT NULL,
    mrenclave BLOB NOT NULL,
    block_number INTEGER NOT NULL,
    timestamp_s INTEGER NOT NULL,
    tx BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX asset_kind ON asset (kind, timestamp_s);
CREATE INDEX asset_block ON asset (block_number);

CREATE TABLE ownership (
    asset BLOB NOT NULL,
    block_number INTEGER NOT NULL,
    log_index INTEGER NOT NULL,
    owner BLOB NOT NULL,
    PRIMARY KEY (asset, block_number, log_index)
) STRICT, WITHOUT ROWID;
CREATE INDEX ownership_owner ON ownership (owner);
CREATE INDEX ownership_block ON ownership (block_number);

CREATE TABLE dataset_schema (
    dataset BLOB NOT NULL PRIMARY KEY,
    block_number INTEGER NOT NULL,
    timestamp_s INTEGER NOT NULL,
    tx BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX dataset_schema_block ON dataset_schema (block_number);
CREATE TABLE schema_item (
    dataset BLOB NOT NULL,
    item TEXT NOT NULL,
    position INTEGER NOT NULL,
    block_number INTEGER NOT NULL,
    PRIMARY KEY (dataset, item)
) STRICT, WITHOUT ROWID;
CREATE INDEX schema_item_block ON schema_item (block_number);

CREATE TABLE deal (
    id BLOB NOT NULL PRIMARY KEY,
    block_number INTEGER NOT NULL,
    timestamp_s INTEGER NOT NULL,
    tx BLOB NOT NULL,
    app BLOB NOT NULL, app_owner BLOB NOT NULL, app_price BLOB NOT NULL,
    dataset BLOB, dataset_owner BLOB NOT NULL, dataset_price BLOB NOT NULL,
    workerpool BLOB NOT NULL, workerpool_owner BLOB NOT NULL, workerpool_price BLOB NOT NULL,
    trust BLOB NOT NULL, category INTEGER NOT NULL, tag BLOB NOT NULL,
    requester BLOB NOT NULL, beneficiary BLOB NOT NULL, callback BLOB NOT NULL, params TEXT NOT NULL,
    start_time_s INTEGER NOT NULL, bot_first BLOB NOT NULL, bot_size BLOB NOT NULL,
    worker_stake BLOB NOT NULL, scheduler_reward_ratio BLOB NOT NULL, sponsor BLOB NOT NULL,
    app_order BLOB NOT NULL, dataset_order BLOB NOT NULL, workerpool_order BLOB NOT NULL,
    request_order BLOB NOT NULL,
    bulk_cid TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX deal_block ON deal (block_number);
CREATE INDEX deal_request_order ON deal (request_order);
CREATE INDEX deal_requester ON deal (requester);
CREATE INDEX deal_app ON deal (app);
CREATE INDEX deal_dataset ON deal (dataset);
CREATE INDEX deal_workerpool ON deal (workerpool);

CREATE TABLE task (
    id BLOB NOT NULL PRIMARY KEY,
    deal BLOB NOT NULL,
    task_index BLOB NOT NULL,
    contribution_deadline_s INTEGER NOT NULL,
    final_deadline_s INTEGER NOT NULL,
    block_number INTEGER NOT NULL,
    timestamp_s INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX task_deal ON task (deal, task_index);
CREATE INDEX task_block ON task (block_number);

-- What happened to a task: the last status counts; values are the consensus, the digest, or the results.
CREATE TABLE task_event (
    task BLOB NOT NULL,
    block_number INTEGER NOT NULL,
    log_index INTEGER NOT NULL,
    what TEXT NOT NULL,
    value BLOB NOT NULL,
    timestamp_s INTEGER NOT NULL,
    PRIMARY KEY (task, block_number, log_index)
) STRICT, WITHOUT ROWID;
CREATE INDEX task_event_block ON task_event (block_number);

-- Content of bulk deals; addressed by what it is, it outlives any block.
CREATE TABLE bulk_slice (
    bulk_cid TEXT NOT NULL,
    position BLOB NOT NULL,
    slice_cid TEXT NOT NULL,
    PRIMARY KEY (bulk_cid, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE bulk_dataset (
    slice_cid TEXT NOT NULL,
    position INTEGER NOT NULL,
    dataset BLOB NOT NULL,
    PRIMARY KEY (slice_cid, position)
) STRICT, WITHOUT ROWID;

-- Where the APIs of pools are, as their owners signed.
CREATE TABLE announcement (
    workerpool BLOB NOT NULL PRIMARY KEY,
    owner BLOB NOT NULL,
    name TEXT NOT NULL,
    api_url TEXT NOT NULL,
    expires_s INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE VIEW owned_asset AS
SELECT asset.*, (
    SELECT owner FROM ownership WHERE ownership.asset = asset.id
    ORDER BY block_number DESC, log_index DESC LIMIT 1
) AS owner
FROM asset;

CREATE VIEW protected_data AS
SELECT owned_asset.id, owned_asset.name, owned_asset.owner, owned_asset.multiaddr, owned_asset.checksum,
    dataset_schema.timestamp_s, dataset_schema.block_number, dataset_schema.tx
FROM dataset_schema JOIN owned_asset ON owned_asset.id = dataset_schema.dataset;

CREATE VIEW app AS SELECT * FROM owned_asset WHERE kind = 'app';
CREATE VIEW dataset AS SELECT * FROM owned_asset WHERE kind = 'dataset';
CREATE VIEW workerpool AS SELECT * FROM owned_asset WHERE kind = 'workerpool';

CREATE VIEW request_order AS
SELECT request_order AS id, requester, min(timestamp_s) AS timestamp_s FROM deal GROUP BY request_order;

CREATE VIEW whole_task AS
SELECT task.id, task.deal, task.task_index, task.contribution_deadline_s, task.final_deadline_s,
    task.block_number, task.timestamp_s, deal.requester, deal.bulk_cid,
    CASE (SELECT what FROM task_event WHERE task_event.task = task.id
          AND what IN ('consensus', 'reopened', 'finalized', 'claimed')
          ORDER BY block_number DESC, log_index DESC LIMIT 1)
        WHEN 'consensus' THEN 'REVEALING' WHEN 'finalized' THEN 'COMPLETED' WHEN 'claimed' THEN 'FAILED'
        ELSE 'ACTIVE' END AS status,
    (SELECT value FROM task_event WHERE task_event.task = task.id AND what = 'consensus'
     ORDER BY block_number DESC, log_index DESC LIMIT 1) AS consensus,
    (SELECT value FROM task_event WHERE task_event.task = task.id AND what = 'revealed'
     ORDER BY block_number DESC, log_index DESC LIMIT 1) AS result_digest,
    (SELECT value FROM task_event WHERE task_event.task = task.id AND what = 'finalized'
     ORDER BY block_number DESC, log_index DESC LIMIT 1) AS results
FROM task JOIN deal ON deal.id = task.deal;

CREATE VIEW task_slice AS
SELECT task.id, bulk_slice.slice_cid AS hash, task.task_index AS slice_index
FROM task JOIN deal ON deal.id = task.deal
JOIN bulk_slice ON bulk_slice.bulk_cid = deal.bulk_cid AND bulk_slice.position = task.task_index;
