//! What each route takes and answers, for people and programs (OpenAPI).

use metacloud_routes::{Operation, Shape, Tag};
use metacloud_wire::compass::{Announcement, IappView, WorkerpoolView};
use metacloud_wire::market::ErrorBody;
use metacloud_wire::schema::AddressText;

pub(super) const COMPASS: Tag =
    Tag { name: "compass", about: "Which API serves a workerpool, and which application goes by a name." };
pub(super) const SUBGRAPH: Tag =
    Tag { name: "subgraph", about: "GraphQL over what the chain tells, as The Graph answers it." };

const MALFORMED: (u16, &str) = (400, "The path or the body is malformed.");
const LATER: (u16, &str) = (500, "Chain or database do not answer; try again later.");

fn of_chain(id: &'static str, summary: &str) -> Operation {
    Operation::new(id, summary).path(
        "chainId",
        Shape::pattern("^[0-9]+$"),
        "The chain; only the one that is served.",
    )
}

fn of_pool(id: &'static str, summary: &str) -> Operation {
    of_chain(id, summary).path("address", Shape::of::<AddressText>(), "The workerpool.")
}

pub(super) fn workerpool() -> Operation {
    of_pool("getWorkerpool", "Where the API of a workerpool is.")
        .answers::<WorkerpoolView>(200, "What its owner announced.")
        .refuses::<ErrorBody>(&[MALFORMED, (404, "Nothing is announced, or another chain is meant."), LATER])
}

pub(super) fn announce() -> Operation {
    of_pool("announceWorkerpool", "Tells where the API of a workerpool is, signed by its owner.")
        .takes::<Announcement>()
        .answers_empty(204, "It is known from now on.")
        .refuses::<ErrorBody>(&[
            MALFORMED,
            (403, "Not signed by the pool's owner."),
            (404, "There is no such pool, or another chain is meant."),
            (409, "An announcement that expires later is known."),
            (413, "The body is longer than 16 KiB."),
            LATER,
            (507, "Too many pools are announced."),
        ])
}

pub(super) fn iapp() -> Operation {
    of_chain("getIapp", "Which application goes by a name.")
        .path("name", Shape::any_text(), "The name.")
        .answers::<IappView>(200, "The application.")
        .refuses::<ErrorBody>(&[
            MALFORMED,
            (404, "No application is known by this name, or another chain is meant."),
        ])
}

fn query(id: &'static str, summary: &str) -> Operation {
    let text = Shape::any_text;
    let request = [
        ("query", text(), true),
        ("variables", Shape::nullable_object(), false),
        ("operationName", Shape::nullable_text(), false),
    ];
    let errors = || Shape::object("GraphqlErrorEntry", [("message", text(), true)]).list();
    let refused = || Shape::object("GraphqlErrors", [("errors", errors(), true)]);
    let data = Shape::object("GraphqlData", [("data", Shape::any().map(), true)]);
    let answer = Shape::one_of([data, refused()]);
    let json = "application/json";
    Operation::new(id, summary)
        .takes_shape(json, Shape::object("GraphqlRequest", request))
        .answers_shape(200, json, answer, "The data, or what is wrong with the query.")
        .answers_shape(400, json, refused(), "The body is no GraphQL request.")
        .answers_shape(413, json, refused(), "The body is longer than 1 MiB.")
        .answers_shape(500, json, refused(), "Chain or database do not answer; try again later.")
}

pub(super) fn poco() -> Operation {
    query("queryPoco", "Deals, tasks, resources and accounts.")
}

pub(super) fn data_protector() -> Operation {
    query("queryDataProtector", "Datasets with a schema: protected data.")
}
