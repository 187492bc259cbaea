//! What can be asked for: entities, their fields, and where they are kept.

/// A kind of thing that is indexed.
#[derive(Debug)]
pub(crate) struct Entity {
    /// Its name in the schema, for `__typename` and fragments.
    pub(crate) name: &'static str,
    /// The query field for one.
    pub(crate) one: &'static str,
    /// The query field for many.
    pub(crate) many: &'static str,
    /// Table or view; its key is `id`.
    pub(crate) table: &'static str,
    pub(crate) fields: &'static [Field],
}

#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) column: &'static str,
    pub(crate) kind: Kind,
}

/// How a column is shown and compared.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Bytes as `0x…` in lower case.
    Bytes,
    Text,
    /// 64-bit number as a string (The Graph's `BigInt`).
    Number,
    /// 256-bit number as a string.
    Wide,
    /// An amount of nRLC, shown in RLC as a decimal string (`BigDecimal`).
    Rlc,
    /// One other entity, by its id.
    One(&'static Entity),
    /// Somebody or something of which only the id is known.
    Id,
    /// Other entities whose column of that name is this one's id.
    Many(&'static Entity, &'static str),
    /// Other entities named in a table: (entity, table, its column that is this entity's column, its column with ids).
    Listed(&'static Entity, &'static str, &'static str, &'static str),
    /// Items of a text table, by (table, its column that is this one's id, its column with the items, its order).
    Items(&'static str, &'static str, &'static str, &'static str),
}

impl Kind {
    /// Whether entities can be put in the order of such a field.
    pub(crate) fn orders(self) -> bool {
        !matches!(self, Self::Many(..) | Self::Listed(..) | Self::Items(..))
    }
}

const fn field(name: &'static str, column: &'static str, kind: Kind) -> Field {
    Field { name, column, kind }
}

/// Every entity's first field.
const ID: Field = field("id", "id", Kind::Bytes);

pub(crate) static PROTECTED_DATA: Entity = Entity {
    name: "ProtectedData",
    one: "protectedData",
    many: "protectedDatas",
    table: "protected_data",
    fields: &[
        ID,
        field("name", "name", Kind::Text),
        field("owner", "owner", Kind::Id),
        field("schema", "id", Kind::Items("schema_item", "dataset", "item", "position")),
        field("multiaddr", "multiaddr", Kind::Bytes),
        field("checksum", "checksum", Kind::Bytes),
        field("creationTimestamp", "timestamp_s", Kind::Number),
        field("transactionHash", "tx", Kind::Bytes),
        field("blockNumber", "block_number", Kind::Number),
    ],
};

static APP: Entity = Entity {
    name: "App",
    one: "app",
    many: "apps",
    table: "app",
    fields: &[
        ID,
        field("owner", "owner", Kind::Id),
        field("timestamp", "timestamp_s", Kind::Number),
        field("name", "name", Kind::Text),
        field("type", "app_type", Kind::Text),
        field("multiaddr", "multiaddr", Kind::Bytes),
        field("checksum", "checksum", Kind::Bytes),
        field("mrenclave", "mrenclave", Kind::Bytes),
        field("usages", "id", Kind::Many(&DEAL, "app")),
    ],
};

static DATASET: Entity = Entity {
    name: "Dataset",
    one: "dataset",
    many: "datasets",
    table: "dataset",
    fields: &[
        ID,
        field("owner", "owner", Kind::Id),
        field("timestamp", "timestamp_s", Kind::Number),
        field("name", "name", Kind::Text),
        field("multiaddr", "multiaddr", Kind::Bytes),
        field("checksum", "checksum", Kind::Bytes),
        field("usages", "id", Kind::Many(&DEAL, "dataset")),
    ],
};

static WORKERPOOL: Entity = Entity {
    name: "Workerpool",
    one: "workerpool",
    many: "workerpools",
    table: "workerpool",
    fields: &[
        ID,
        field("owner", "owner", Kind::Id),
        field("timestamp", "timestamp_s", Kind::Number),
        field("description", "name", Kind::Text),
        field("usages", "id", Kind::Many(&DEAL, "workerpool")),
    ],
};

static DEAL: Entity = Entity {
    name: "Deal",
    one: "deal",
    many: "deals",
    table: "deal",
    fields: &[
        ID,
        field("timestamp", "timestamp_s", Kind::Number),
        field("blockNumber", "block_number", Kind::Number),
        field("transactionHash", "tx", Kind::Bytes),
        field("app", "app", Kind::One(&APP)),
        field("appOwner", "app_owner", Kind::Id),
        field("appPrice", "app_price", Kind::Rlc),
        field("dataset", "dataset", Kind::One(&DATASET)),
        field("datasetOwner", "dataset_owner", Kind::Id),
        field("datasetPrice", "dataset_price", Kind::Rlc),
        field("workerpool", "workerpool", Kind::One(&WORKERPOOL)),
        field("workerpoolOwner", "workerpool_owner", Kind::Id),
        field("workerpoolPrice", "workerpool_price", Kind::Rlc),
        field("trust", "trust", Kind::Wide),
        field("category", "category", Kind::Number),
        field("tag", "tag", Kind::Bytes),
        field("requester", "requester", Kind::Id),
        field("beneficiary", "beneficiary", Kind::Id),
        field("callback", "callback", Kind::Bytes),
        field("params", "params", Kind::Text),
        field("startTime", "start_time_s", Kind::Number),
        field("botFirst", "bot_first", Kind::Wide),
        field("botSize", "bot_size", Kind::Wide),
        field("workerStake", "worker_stake", Kind::Rlc),
        field("schedulerRewardRatio", "scheduler_reward_ratio", Kind::Wide),
        field("sponsor", "sponsor", Kind::Id),
        field("apporder", "app_order", Kind::Id),
        field("datasetorder", "dataset_order", Kind::Id),
        field("workerpoolorder", "workerpool_order", Kind::Id),
        field("requestorder", "request_order", Kind::One(&REQUEST_ORDER)),
        field("tasks", "id", Kind::Many(&TASK, "deal")),
    ],
};

static REQUEST_ORDER: Entity = Entity {
    name: "RequestOrder",
    one: "requestorder",
    many: "requestorders",
    table: "request_order",
    fields: &[
        ID,
        field("requester", "requester", Kind::Id),
        field("timestamp", "timestamp_s", Kind::Number),
        field("deals", "id", Kind::Many(&DEAL, "request_order")),
    ],
};

static TASK: Entity = Entity {
    name: "Task",
    one: "task",
    many: "tasks",
    table: "whole_task",
    fields: &[
        ID,
        field("status", "status", Kind::Text),
        field("deal", "deal", Kind::One(&DEAL)),
        field("index", "task_index", Kind::Wide),
        field("requester", "requester", Kind::Id),
        field("timestamp", "timestamp_s", Kind::Number),
        field("contributionDeadline", "contribution_deadline_s", Kind::Number),
        field("finalDeadline", "final_deadline_s", Kind::Number),
        field("consensus", "consensus", Kind::Bytes),
        field("resultDigest", "result_digest", Kind::Bytes),
        field("results", "results", Kind::Bytes),
        field("bulkSlice", "id", Kind::One(&BULK_SLICE)),
    ],
};

pub(crate) static BULK_SLICE: Entity = Entity {
    name: "BulkSlice",
    one: "bulkSlice",
    many: "bulkSlices",
    table: "task_slice",
    fields: &[
        ID,
        field("hash", "hash", Kind::Text),
        field("index", "slice_index", Kind::Wide),
        field("datasets", "hash", Kind::Listed(&DATASET, "bulk_dataset", "slice_cid", "dataset")),
    ],
};

/// The entities of one endpoint.
#[derive(Debug)]
pub(crate) struct Schema(pub(crate) &'static [&'static Entity]);

/// `/subgraph/poco`.
pub(crate) static POCO: Schema =
    Schema(&[&APP, &DATASET, &WORKERPOOL, &DEAL, &REQUEST_ORDER, &TASK, &BULK_SLICE]);
/// `/subgraph/dataprotector`.
pub(crate) static DATA_PROTECTOR: Schema = Schema(&[&PROTECTED_DATA]);

impl Entity {
    pub(crate) fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}
