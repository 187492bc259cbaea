//! Why four orders make no deal: the codes of the hub (poco 9.1).

/// A failed check of a match. [`MatchRefusal::code`] gives the number in the hub's revert text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
pub enum MatchRefusal {
    /// 00.
    #[error("the workerpool order is for another category than the request")]
    CategoryMismatch = 0x00,
    /// 01.
    #[error("the category does not exist")]
    CategoryUnknown = 0x01,
    /// 02.
    #[error("the request wants more trust than the workerpool order offers")]
    TrustNotOffered = 0x02,
    /// 03.
    #[error("the application costs more than the request allows")]
    AppOverpriced = 0x03,
    /// 04.
    #[error("the dataset costs more than the request allows")]
    DatasetOverpriced = 0x04,
    /// 05.
    #[error("the computation costs more than the request allows")]
    WorkerpoolOverpriced = 0x05,
    /// 06.
    #[error("the workerpool order lacks a capability that the deal's tag demands")]
    TagNotOffered = 0x06,
    /// 07.
    #[error("the deal demands an enclave and the application order does not declare one")]
    TeeMismatch = 0x07,
    /// 10.
    #[error("the request names another application")]
    OtherApp = 0x10,
    /// 11.
    #[error("the request names another dataset")]
    OtherDataset = 0x11,
    /// 12.
    #[error("the request does not accept the workerpool")]
    RequestRestrictsWorkerpool = 0x12,
    /// 13.
    #[error("the application order does not accept the dataset")]
    AppRestrictsDataset = 0x13,
    /// 14.
    #[error("the application order does not accept the workerpool")]
    AppRestrictsWorkerpool = 0x14,
    /// 15.
    #[error("the application order does not accept the requester")]
    AppRestrictsRequester = 0x15,
    /// 16.
    #[error("the dataset order does not accept the application")]
    DatasetRestrictsApp = 0x16,
    /// 17.
    #[error("the dataset order does not accept the workerpool")]
    DatasetRestrictsWorkerpool = 0x17,
    /// 18.
    #[error("the dataset order does not accept the requester")]
    DatasetRestrictsRequester = 0x18,
    /// 19.
    #[error("the workerpool order does not accept the application")]
    WorkerpoolRestrictsApp = 0x19,
    /// 1a.
    #[error("the workerpool order does not accept the dataset")]
    WorkerpoolRestrictsDataset = 0x1a,
    /// 1b.
    #[error("the workerpool order does not accept the requester")]
    WorkerpoolRestrictsRequester = 0x1b,
    /// 20.
    #[error("the application is not registered")]
    AppNotRegistered = 0x20,
    /// 21.
    #[error("the application order is not signed by the application's owner")]
    AppOrderNotSigned = 0x21,
    /// 30.
    #[error("the dataset is not registered")]
    DatasetNotRegistered = 0x30,
    /// 31.
    #[error("the dataset order is not signed by the dataset's owner")]
    DatasetOrderNotSigned = 0x31,
    /// 40.
    #[error("the workerpool is not registered")]
    WorkerpoolNotRegistered = 0x40,
    /// 41.
    #[error("the workerpool order is not signed by the workerpool's owner")]
    WorkerpoolOrderNotSigned = 0x41,
    /// 50.
    #[error("the request order is not signed by the requester")]
    RequestOrderNotSigned = 0x50,
    /// 60.
    #[error("one of the orders is closed or used up")]
    VolumeUsedUp = 0x60,
}

/// What every refusal text of the hub begins with.
const TEXT_PREFIX: &str = "iExecV5-matchOrders-0x";

impl MatchRefusal {
    /// Every refusal, in the order of the checks.
    pub const ALL: [Self; 28] = [
        Self::CategoryMismatch,
        Self::CategoryUnknown,
        Self::TrustNotOffered,
        Self::AppOverpriced,
        Self::DatasetOverpriced,
        Self::WorkerpoolOverpriced,
        Self::TagNotOffered,
        Self::TeeMismatch,
        Self::OtherApp,
        Self::OtherDataset,
        Self::RequestRestrictsWorkerpool,
        Self::AppRestrictsDataset,
        Self::AppRestrictsWorkerpool,
        Self::AppRestrictsRequester,
        Self::DatasetRestrictsApp,
        Self::DatasetRestrictsWorkerpool,
        Self::DatasetRestrictsRequester,
        Self::WorkerpoolRestrictsApp,
        Self::WorkerpoolRestrictsDataset,
        Self::WorkerpoolRestrictsRequester,
        Self::AppNotRegistered,
        Self::AppOrderNotSigned,
        Self::DatasetNotRegistered,
        Self::DatasetOrderNotSigned,
        Self::WorkerpoolNotRegistered,
        Self::WorkerpoolOrderNotSigned,
        Self::RequestOrderNotSigned,
        Self::VolumeUsedUp,
    ];

    /// The number in the hub's text, for example `0x1b`.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The text with which the hub reverts.
    pub fn text(self) -> String {
        format!("{TEXT_PREFIX}{:02x}", self.code())
    }

    /// The text with which the hub reverts on the Boost path (poco 17.1).
    pub fn boost_text(self) -> String {
        let reason = match self {
            Self::CategoryMismatch => "Category mismatch",
            Self::CategoryUnknown => "Unknown category",
            Self::TrustNotOffered => "Bad trust level",
            Self::AppOverpriced => "Overpriced app",
            Self::DatasetOverpriced => "Overpriced dataset",
            Self::WorkerpoolOverpriced => "Overpriced workerpool",
            Self::TagNotOffered => "Workerpool tag does not match demand",
            Self::TeeMismatch => "App tag does not match demand",
            Self::OtherApp => "App mismatch",
            Self::OtherDataset => "Dataset mismatch",
            Self::RequestRestrictsWorkerpool => "Workerpool restricted by request order",
            Self::AppRestrictsDataset => "Dataset restricted by app order",
            Self::AppRestrictsWorkerpool => "Workerpool restricted by app order",
            Self::AppRestrictsRequester => "Requester restricted by app order",
            Self::DatasetRestrictsApp => "App restricted by dataset order",
            Self::DatasetRestrictsWorkerpool => "Workerpool restricted by dataset order",
            Self::DatasetRestrictsRequester => "Requester restricted by dataset order",
            Self::WorkerpoolRestrictsApp => "App restricted by workerpool order",
            Self::WorkerpoolRestrictsDataset => "Dataset restricted by workerpool order",
            Self::WorkerpoolRestrictsRequester => "Requester restricted by workerpool order",
            Self::AppNotRegistered => "App not registered",
            Self::AppOrderNotSigned => "Invalid app order signature",
            Self::DatasetNotRegistered => "Dataset not registered",
            Self::DatasetOrderNotSigned => "Invalid dataset order signature",
            Self::WorkerpoolNotRegistered => "Workerpool not registered",
            Self::WorkerpoolOrderNotSigned => "Invalid workerpool order signature",
            Self::RequestOrderNotSigned => "Invalid request order signature",
            Self::VolumeUsedUp => "One or more orders consumed",
        };
        format!("PocoBoost: {reason}")
    }

    /// The refusal with this revert text, if it is one.
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|refusal| refusal.text() == text)
    }

    pub(super) fn unless(self, holds: bool) -> Result<(), Self> {
        if holds { Ok(()) } else { Err(self) }
    }
}
