-- Whether a request was published for the keeper to match, and how often it tried in vain.
ALTER TABLE market_order ADD COLUMN for_keeper INTEGER NOT NULL DEFAULT 0;
ALTER TABLE market_order ADD COLUMN keeper_tries INTEGER NOT NULL DEFAULT 0;
CREATE INDEX market_order_for_keeper ON market_order (for_keeper) WHERE status = 'open' AND for_keeper = 1;
