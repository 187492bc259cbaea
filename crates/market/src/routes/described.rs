//! What each route takes and answers, for people and programs (OpenAPI).

pub(super) mod prices;

use metacloud_protocol::OrderKind;
use metacloud_routes::{Login, Operation, Shape, Tag};
use metacloud_wire::SAFE_UINT_MAX;
use metacloud_wire::market::{
    AddressOrAny, BestAnswer, CategoriesAnswer, CategoryAnswer, ChallengeAnswer, DealAnswer, DealPage,
    ErrorBody, OrderAnswer, OrderPage, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX, PAGE_SIZE_MIN, PublishAnswer,
    PublishRequest, UnpublishAnswer, UnpublishRequest, VersionAnswer,
};
use metacloud_wire::market_data::MetricsAnswer;
use metacloud_wire::schema::{AddressText, Bytes32};

use crate::kind::Kind;

pub(super) const TAG: Tag = Tag {
    name: "market",
    about: "Order books, deals and prices: the market of iExec clients, and what it trades on its own behalf.",
};

const LOGIN: Login = Login {
    name: "marketLogin",
    about: "A wallet's answer to a challenge of /challenge: the challenge's EIP-712 digest, the signature and the \
            checksummed address, each in hex with 0x, joined by two underscores. A challenge serves once.",
};

/// What every route may answer.
fn operation(id: &'static str, summary: &str) -> Operation {
    Operation::new(id, summary).refuses::<ErrorBody>(&[
        (429, "Asked too often; loopback is not counted."),
        (500, "Chain or database do not answer; try again later."),
    ])
}

/// With the parameter that all but one take.
fn of_chain(id: &'static str, summary: &str) -> Operation {
    operation(id, summary)
        .query_needed("chainId", Shape::integer(1, SAFE_UINT_MAX), "The chain; only the one that is served.")
        .refuses::<ErrorBody>(&[(400, "A parameter is missing or malformed, or another chain is meant.")])
}

fn address() -> Shape {
    Shape::of::<AddressText>()
}

fn hash() -> Shape {
    Shape::of::<Bytes32>()
}

fn natural() -> Shape {
    Shape::integer(0, SAFE_UINT_MAX)
}

fn paged(operation: Operation) -> Operation {
    let (default, min, max) = (PAGE_SIZE_DEFAULT.into(), PAGE_SIZE_MIN.into(), PAGE_SIZE_MAX.into());
    operation
        .query("pageIndex", Shape::integer_or(0, 0, u32::MAX.into()), "Which page; the first is 0.")
        .query("pageSize", Shape::integer_or(default, min, max), "Entries of a page.")
}

pub(super) fn challenge() -> Operation {
    of_chain("getChallenge", "A fresh challenge to sign, which lets its signer write once.")
        .query_needed("address", address(), "Who will sign.")
        .answers::<ChallengeAnswer>(200, "Typed data to sign (EIP-712); open for 5 minutes.")
}

pub(super) fn version() -> Operation {
    Operation::new("getVersion", "Version of the program that answers.")
        .answers::<VersionAnswer>(200, "The version.")
        .refuses::<ErrorBody>(&[(429, "Asked too often; loopback is not counted.")])
}

pub(super) fn categories() -> Operation {
    of_chain("getCategories", "All categories, by id.").answers::<CategoriesAnswer>(200, "The categories.")
}

pub(super) fn category() -> Operation {
    of_chain("getCategory", "One category.")
        .path("catid", Shape::integer(0, u64::MAX), "Its id on chain.")
        .answers::<CategoryAnswer>(200, "The category.")
        .refuses::<ErrorBody>(&[(404, "There is no such category.")])
}

pub(super) fn deals() -> Operation {
    let mut operation = of_chain("getDeals", "Deals, the newest first.");
    for (name, about) in [
        ("requester", "Who ordered."),
        ("beneficiary", "Who may read the result."),
        ("app", "The application."),
        ("dataset", "The dataset."),
        ("workerpool", "The workerpool."),
        ("appOwner", "Owner of the application at the match."),
        ("datasetOwner", "Owner of the dataset at the match."),
        ("workerpoolOwner", "Owner of the workerpool at the match."),
    ] {
        operation = operation.query(name, address(), about);
    }
    for (name, about) in [
        ("apporderHash", "The apporder that was matched."),
        ("datasetorderHash", "The datasetorder that was matched."),
        ("workerpoolorderHash", "The workerpoolorder that was matched."),
        ("requestorderHash", "The requestorder that was matched."),
    ] {
        operation = operation.query(name, hash(), about);
    }
    paged(operation.query("category", natural(), "The category."))
        .answers::<DealPage>(200, "One page of the deals to which everything asked applies.")
}

pub(super) fn deal() -> Operation {
    of_chain("getDeal", "One deal.")
        .path("dealid", hash(), "Its id.")
        .answers::<DealAnswer>(200, "The deal.")
        .refuses::<ErrorBody>(&[(404, "There is no such deal.")])
}

pub(super) fn metrics() -> Operation {
    of_chain("getMetrics", "How much was traded, and how much is open.")
        .answers::<MetricsAnswer>(200, "The figures.")
}

pub(super) fn best() -> Operation {
    of_chain("getBest", "The cheapest orders with which one request can be matched.")
        .query_needed("app", address(), "The application.")
        .query("dataset", address(), "The dataset; absent or zero without.")
        .query("workerpool", address(), "Only this workerpool; absent or zero for any.")
        .query_needed("requester", address(), "Who orders: orders may be restricted to requesters.")
        .query_needed("category", natural(), "The category.")
        .query_needed("trust", natural(), "Trust that the workerpool must offer at least.")
        .query("tag", hash(), "Capabilities asked; absent for none.")
        .query(
            "volume",
            Shape::integer(1, SAFE_UINT_MAX),
            "Tasks wanted; the orders found serve at least one.",
        )
        .query("maxPrice", natural(), "Most that one task may cost, in nRLC.")
        .answers::<BestAnswer>(200, "The orders.")
        .refuses::<ErrorBody>(&[(404, "Some order is missing; the error names which.")])
}

/// The words of a kind in names of operations.
fn ids<K: Kind>() -> [&'static str; 4] {
    match K::KIND {
        OrderKind::App => ["getApporders", "publishApporder", "unpublishApporder", "getApporder"],
        OrderKind::Dataset => {
            ["getDatasetorders", "publishDatasetorder", "unpublishDatasetorder", "getDatasetorder"]
        }
        OrderKind::Workerpool => [
            "getWorkerpoolorders",
            "publishWorkerpoolorder",
            "unpublishWorkerpoolorder",
            "getWorkerpoolorder",
        ],
        OrderKind::Request => {
            ["getRequestorders", "publishRequestorder", "unpublishRequestorder", "getRequestorder"]
        }
    }
}

pub(super) fn list<K: Kind>() -> Operation {
    let summary = match K::KIND {
        OrderKind::Request => "Open requestorders, the best paid first.",
        OrderKind::App | OrderKind::Dataset | OrderKind::Workerpool => "Open orders, the cheapest first.",
    };
    let mut operation = of_chain(ids::<K>()[0], summary);
    let kind = K::KIND;
    let own = |name| match name {
        "app" => matches!(kind, OrderKind::App | OrderKind::Request),
        "dataset" => matches!(kind, OrderKind::Dataset | OrderKind::Request),
        "workerpool" => kind == OrderKind::Workerpool,
        _ => kind == OrderKind::Request,
    };
    for (name, strict) in [
        ("app", "isAppStrict"),
        ("dataset", "isDatasetStrict"),
        ("workerpool", "isWorkerpoolStrict"),
        ("requester", "isRequesterStrict"),
    ] {
        let about = match own(name) {
            true => "What the order is about; absent or `any` for all.",
            false => {
                "To whom the order is restricted: absent, only orders open to anyone; an address, those open to it; \
                 `any`, all."
            }
        };
        operation = operation.query(name, Shape::of::<AddressOrAny>(), about);
        if !own(name) {
            operation =
                operation.query(strict, Shape::truth(), "Only orders restricted to exactly that address.");
        }
    }
    let signer = "Who signed the order; absent or `any` for all.";
    operation = match kind {
        OrderKind::App => operation
            .query("appOwner", Shape::of::<AddressOrAny>(), signer)
            .about("One of `app` and `appOwner` is required."),
        OrderKind::Dataset => operation
            .query("datasetOwner", Shape::of::<AddressOrAny>(), signer)
            .query("bulkOnly", Shape::truth(), "Only orders that are usable in bulk: free, and without end.")
            .about("One of `dataset` and `datasetOwner` is required."),
        OrderKind::Workerpool => operation
            .query("workerpoolOwner", Shape::of::<AddressOrAny>(), signer)
            .query("category", natural(), "The category.")
            .query("minTrust", natural(), "Least trust that is offered."),
        OrderKind::Request => operation
            .query("beneficiary", Shape::of::<AddressOrAny>(), "Who may read the result.")
            .query("category", natural(), "The category.")
            .query("maxTrust", natural(), "Most trust that is asked."),
    };
    paged(operation)
        .query("minTag", hash(), "Bits that the order's tag must have.")
        .query("maxTag", hash(), "Bits beyond which the order's tag must have none.")
        .query("minVolume", Shape::integer(1, SAFE_UINT_MAX), "Least volume that is left.")
        .answers_shape(
            200,
            "application/json",
            Shape::generic::<OrderPage<K>, K>(),
            "One page of the orders to which everything asked applies.",
        )
}

pub(super) fn publish<K: Kind>() -> Operation {
    of_chain(ids::<K>()[1], "Puts a signed order on the market.")
        .login(LOGIN)
        .takes::<PublishRequest<K>>()
        .answers_shape(
            200,
            "application/json",
            Shape::generic::<PublishAnswer<K>, K>(),
            "The order as the market keeps it.",
        )
        .refuses::<ErrorBody>(&[
            (403, "No valid login, or a rule of publication is broken; the error says which."),
            (413, "The body is longer than 1,000,000 bytes."),
        ])
}

pub(super) fn unpublish<K: Kind>() -> Operation {
    of_chain(
        ids::<K>()[2],
        "Takes orders off the market: one, or the newest or all of the caller for a resource.",
    )
    .login(LOGIN)
    .takes::<UnpublishRequest>()
    .answers::<UnpublishAnswer>(200, "What was taken off.")
    .refuses::<ErrorBody>(&[
        (403, "No valid login, or the caller has no such open order."),
        (413, "The body is longer than 1,000,000 bytes."),
    ])
}

pub(super) fn order<K: Kind>() -> Operation {
    of_chain(ids::<K>()[3], "One order, whatever its status.")
        .path("orderHash", hash(), "Its EIP-712 hash.")
        .answers_shape(200, "application/json", Shape::generic::<OrderAnswer<K>, K>(), "The order.")
        .refuses::<ErrorBody>(&[(404, "There is no such order.")])
}
