-- The chain itself: its id is not enough to tell a chain from one that began anew.
ALTER TABLE source ADD COLUMN genesis_hash BLOB;
-- Changes by blocks below this one can no longer be undone one by one.
ALTER TABLE source ADD COLUMN undo_from INTEGER NOT NULL DEFAULT 0;

-- Blocks taken in, to find the last one in common with a chain that changed.
CREATE TABLE seen_block (
    number INTEGER NOT NULL PRIMARY KEY,
    hash BLOB NOT NULL,
    timestamp_s INTEGER NOT NULL
) STRICT;

-- Orders whose volume was asked of a block that was not taken in yet: to be asked again unless that very block comes.
CREATE TABLE asked_ahead (
    hash BLOB NOT NULL PRIMARY KEY,
    block_number INTEGER NOT NULL,
    block_hash BLOB NOT NULL
) STRICT, WITHOUT ROWID;

UPDATE source SET undo_from = max(0, coalesce(block_number, 0) - 1024);
