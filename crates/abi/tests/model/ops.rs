//! What happens in a trace, in protocol words.

use alloy_primitives::U256;

use crate::cast::Who;
use crate::puppet::{End, Mood};
use crate::strangers::Stranger;

/// The number of the latest deal or task.
pub(crate) const LATEST: u8 = u8::MAX;

/// One event of a trace. Numbers of deals and tasks count those of the trace so far, modulo their number.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Wait(Wait),
    Match(Box<MatchOp>),
    /// Matches orders of an earlier attempt once more.
    MatchAgain {
        which: u8,
        by: Payer,
    },
    Initialize {
        deal: u8,
        offset: u8,
        by: Who,
    },
    InitializeArray {
        tasks: Vec<(u8, u8)>,
        uneven: bool,
    },
    Contribute(Contribute),
    OneStep {
        contribute: Contribute,
        data: CallbackData,
    },
    Reveal {
        task: u8,
        worker: Who,
        result: Option<u8>,
    },
    /// Everybody who contributed tries to reveal it.
    RevealAll {
        task: u8,
    },
    Reopen {
        task: u8,
        by: Option<Who>,
    },
    Finalize {
        task: u8,
        by: Option<Who>,
        data: CallbackData,
    },
    Claim {
        task: u8,
        by: Who,
    },
    ClaimArray {
        tasks: Vec<u8>,
    },
    InitializeAndClaimArray {
        tasks: Vec<(u8, u8)>,
        uneven: bool,
    },
    /// `pushResultBoost`.
    Push(PushOp),
    /// `claimBoost`.
    ClaimBoost {
        deal: u8,
        offset: u8,
        by: Who,
    },
    Manage(Manage),
    Broadcast {
        which: u8,
        kind: u8,
        by: Who,
    },
    Money {
        by: Who,
        money: Money,
    },
    Configure {
        by: Who,
        setting: Setting,
    },
    GiveAsset {
        asset: Asset,
        to: Who,
    },
    ChangePolicy {
        pool: u8,
        stake_ratio: u16,
        reward_ratio: u8,
    },
    Ask(Question),
    /// The delegated account gets its code, or loses it.
    Delegate(bool),
    /// Foreign code acts in the middle of a call.
    Mischief(Box<Mischief>),
}

/// A call in the middle of which the puppet makes others.
#[derive(Clone, Debug)]
pub(crate) struct Mischief {
    /// What the puppet does each time it is entered.
    pub(crate) scripts: Vec<(Vec<Op>, End)>,
    /// How the base token behaves, if not as it should.
    pub(crate) token: Option<Mood>,
    /// The puppet is made the owner of the hub before.
    pub(crate) owns_hub: bool,
    /// The call.
    pub(crate) during: Op,
}

/// How time passes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wait {
    Seconds(u32),
    /// Until a deadline of a task, or one second before or after it.
    Until {
        task: u8,
        deadline: Deadline,
        shift: i8,
    },
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Deadline {
    Contribution,
    Reveal,
    Final,
}

/// An asset in an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asset {
    App(u8),
    Dataset(u8),
    Workerpool(u8),
    Foreign(Stranger),
    /// An account without code.
    Nothing,
}

/// Who pays for a match, and how it is called.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Payer {
    /// `matchOrders` by the requester.
    Requester,
    /// `matchOrders` by someone else, at the requester's expense.
    CalledBy(Who),
    /// `sponsorMatchOrders`.
    Sponsor(Who),
    /// Deposit-and-match by the requester.
    Approval(u32),
    /// Deposit-and-match by someone else.
    ApprovalBy(Who),
    /// `matchOrdersBoost` by the requester.
    Boost,
    /// `matchOrdersBoost` by someone else, at the requester's expense.
    BoostBy(Who),
    /// `sponsorMatchOrdersBoost`.
    BoostSponsor(Who),
}

impl Payer {
    /// Whether the deal takes the path without replication.
    pub(crate) fn is_boost(self) -> bool {
        matches!(self, Self::Boost | Self::BoostBy(_) | Self::BoostSponsor(_))
    }
}

/// A price per task, nRLC.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Price {
    Nrlc(u32),
    /// 2^100 nRLC: more than there is.
    Enormous,
    /// 2^252 nRLC: its stake overflows.
    Absurd,
    Most,
}

/// The volume of an order.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Volume {
    Tasks(u32),
    Most,
}

/// The trust of a request or a workerpool order.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trust {
    Level(u16),
    /// 2 to this power.
    TwoTo(u8),
    Most,
}

/// Four orders that fit, except for one fault at most.
#[derive(Clone, Debug)]
pub(crate) struct MatchOp {
    pub(crate) app: Asset,
    pub(crate) dataset: Option<Asset>,
    pub(crate) workerpool: Asset,
    pub(crate) requester: Who,
    pub(crate) by: Payer,
    pub(crate) trust: Trust,
    pub(crate) category: u8,
    /// Low bytes of the tags of app, dataset and request; the workerpool offers them all.
    pub(crate) tags: [u8; 3],
    pub(crate) prices: [Price; 3],
    /// Of app, dataset, workerpool and request.
    pub(crate) volumes: [Volume; 4],
    pub(crate) callback: Option<Callback>,
    pub(crate) params: Vec<u8>,
    pub(crate) salt: u8,
    pub(crate) fault: Fault,
}

/// The contract that receives results.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Callback {
    Contract(Stranger),
    Account(Who),
}

/// What is wrong with four orders. Numbers choose an order: app, dataset, workerpool, request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    None,
    Overpriced(u8),
    OtherCategory,
    UnknownCategory,
    TrustNotOffered,
    TagNotOffered,
    OtherApp,
    OtherDataset,
    /// One of the ten restrictions names this account or group.
    Restricted(u8, Who),
    /// All restrictions name the account that they are about.
    RestrictedToItself,
    SignedBy(u8, Who),
    NotSigned(u8),
    Compact(u8),
    BadRecoveryByte(u8),
    RequesterZero,
    /// The order of an absent dataset is filled with terms that nobody agreed to.
    AbsentDatasetWithTerms,
}

/// A contribution.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Contribute {
    pub(crate) task: u8,
    pub(crate) worker: Who,
    /// Which of few results.
    pub(crate) result: u8,
    pub(crate) flaw: Flaw,
}

/// A result pushed to a Boost deal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PushOp {
    pub(crate) deal: u8,
    pub(crate) offset: u8,
    pub(crate) worker: Who,
    pub(crate) result: u8,
    pub(crate) flaw: Flaw,
    pub(crate) data: CallbackData,
}

/// What is unusual about a contribution.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Flaw {
    None,
    SealOfSomeoneElse,
    NotAuthorized,
    AuthorizedBy(Who),
    AuthorizationOfAnotherTask,
    CompactAuthorization,
    /// With an enclave that proves what it must.
    Enclave(Who),
    /// With an enclave that signs something else.
    LyingEnclave,
    UnsignedEnclave,
}

/// The `resultsCallback` of a finalize.
#[derive(Clone, Copy, Debug)]
pub(crate) enum CallbackData {
    /// What the deal needs.
    Fitting,
    /// The data even if the deal has no callback.
    Always,
    Empty,
    Wrong,
}

/// An operation on an order of an earlier attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manage {
    pub(crate) which: u8,
    /// App, dataset, workerpool, request.
    pub(crate) kind: u8,
    /// SIGN 0, CLOSE 1, or neither.
    pub(crate) operation: u8,
    /// The owner if not given.
    pub(crate) by: Option<Who>,
    /// Nobody signs if not given.
    pub(crate) signer: Option<Who>,
}

#[derive(Clone, Debug)]
pub(crate) enum Money {
    TokenTransfer(Who, u64),
    TokenTransferToHub(u64),
    TokenApproveHub(u64),
    Approval { value: u64, data: u8 },
    ReceiveApproval { sender: Who, token: u8 },
    Deposit(u64),
    DepositFor(u64, Receiver),
    DepositForArray(Vec<(u64, Receiver)>, bool),
    Withdraw(u64),
    WithdrawTo(u64, Receiver),
    Recover,
    Transfer(Receiver, u64),
    Approve(Receiver, u64),
    ApproveMost(Receiver),
    TransferFrom(Who, Receiver, u64),
    IncreaseAllowance(Receiver, u64),
    IncreaseAllowanceByMost(Receiver),
    DecreaseAllowance(Receiver, u64),
    ApproveAndCall(Receiver, u64, Vec<u8>),
    MatchGuard(bool),
}

/// An account that something is sent to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Receiver {
    Account(Who),
    Zero,
    Hub,
    Token,
}

#[derive(Clone, Debug)]
pub(crate) enum Setting {
    Configure,
    UpdateDomainSeparator,
    ImportScore(Who),
    TeeBroker(Option<Who>),
    CallbackGas(u32),
    SwapRegistries,
    RestoreRegistries,
    /// Registries that are none of ours.
    ForeignRegistries([Stranger; 3]),
    Category(u8),
    Ownership(Who),
}

/// A view of the hub that is more than a record.
#[derive(Clone, Debug)]
pub(crate) enum Question {
    Volume { which: u8 },
    DatasetFits { which: u8, deal: u8 },
    Signature { account: Option<Who>, signer: Who, length: u8 },
    Presignature { which: u8, account: Who },
    ResultFor { task: u8 },
}

impl Price {
    pub(crate) fn nrlc(self) -> U256 {
        match self {
            Self::Nrlc(nrlc) => U256::from(nrlc),
            Self::Enormous => U256::from(1) << 100,
            Self::Absurd => U256::from(1) << 252,
            Self::Most => U256::MAX,
        }
    }
}

impl Volume {
    pub(crate) fn tasks(self) -> U256 {
        match self {
            Self::Tasks(tasks) => U256::from(tasks),
            Self::Most => U256::MAX,
        }
    }
}

impl Trust {
    pub(crate) fn level(self) -> U256 {
        match self {
            Self::Level(level) => U256::from(level),
            Self::TwoTo(power) => U256::from(1) << usize::from(power),
            Self::Most => U256::MAX,
        }
    }
}
