-- What a deal says about prices: of the computation per task, how many tasks, and when.
ALTER TABLE deal ADD COLUMN price INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deal ADD COLUMN tasks INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deal ADD COLUMN time_s INTEGER NOT NULL DEFAULT 0;
UPDATE deal SET
    price = body ->> '$.workerpool.price',
    tasks = body ->> '$.volume',
    time_s = body ->> '$.startTime';
CREATE INDEX deal_traded ON deal (category, time_s, block_number, id);
