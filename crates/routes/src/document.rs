//! The OpenAPI document of one or several services.

use std::collections::BTreeMap;

use utoipa::openapi::path::{Operation as Described, PathItem, Paths};
use utoipa::openapi::schema::{ComponentsBuilder, Schema};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{HttpMethod, InfoBuilder, OpenApi, OpenApiBuilder, OpenApiVersion, RefOr};

use crate::operation::{Login, Operation};
use crate::routes::Tag;

/// What the routes of one service take and answer.
#[derive(Clone)]
pub struct Description {
    tags: Vec<Tag>,
    paths: BTreeMap<String, PathItem>,
    ids: Vec<&'static str>,
    named: BTreeMap<String, RefOr<Schema>>,
    logins: Vec<Login>,
}

impl Description {
    pub(crate) fn new(tag: Tag) -> Self {
        let (paths, named) = (BTreeMap::new(), BTreeMap::new());
        Self { tags: vec![tag], paths, ids: Vec::new(), named, logins: Vec::new() }
    }

    pub(crate) fn add(&mut self, method: HttpMethod, path: &str, operation: Operation) {
        let tag = self.tags.first().expect("every description has one").name;
        assert!(!self.ids.contains(&operation.id), "{} is the name of two operations", operation.id);
        self.ids.push(operation.id);
        for (name, schema) in &operation.named {
            self.name(name, schema);
        }
        if let Some(login) = operation.login {
            self.log_in(login);
        }
        let item = PathItem::new(method, operation.build(tag));
        self.take(path, item);
    }

    /// Adds the operations of another one.
    ///
    /// # Panics
    /// If two operations, or two different schemas or logins, have one name.
    pub fn merge(&mut self, other: Self) {
        for tag in other.tags {
            if !self.tags.contains(&tag) {
                self.tags.push(tag);
            }
        }
        for id in other.ids {
            assert!(!self.ids.contains(&id), "{id} is the name of two operations");
            self.ids.push(id);
        }
        for (name, schema) in &other.named {
            self.name(name, schema);
        }
        other.logins.into_iter().for_each(|login| self.log_in(login));
        other.paths.into_iter().for_each(|(path, item)| self.take(&path, item));
    }

    fn take(&mut self, path: &str, item: PathItem) {
        match self.paths.get_mut(path) {
            Some(known) => known.merge_operations(item),
            None => drop(self.paths.insert(path.to_owned(), item)),
        }
    }

    fn name(&mut self, name: &str, schema: &RefOr<Schema>) {
        let known = self.named.entry(name.to_owned()).or_insert_with(|| schema.clone());
        assert!(known == schema, "{name} is the name of two schemas");
    }

    fn log_in(&mut self, login: Login) {
        let known = self.logins.iter().find(|known| known.name == login.name);
        assert!(known.is_none_or(|known| *known == login), "{} is the name of two logins", login.name);
        if known.is_none() {
            self.logins.push(login);
        }
    }

    /// The methods and paths, as the document writes them.
    #[must_use]
    pub fn operations(&self) -> Vec<(&'static str, String)> {
        let mut all = Vec::new();
        for (path, item) in &self.paths {
            all.extend(methods(item).into_iter().map(|(method, _)| (method, path.clone())));
        }
        all
    }
}

fn methods(item: &PathItem) -> Vec<(&'static str, &Described)> {
    let all = [
        ("GET", &item.get),
        ("HEAD", &item.head),
        ("POST", &item.post),
        ("PUT", &item.put),
        ("PATCH", &item.patch),
        ("DELETE", &item.delete),
        ("OPTIONS", &item.options),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_ref()?))).collect()
}

/// The OpenAPI 3.1 document of all that an origin serves.
///
/// # Panics
/// As [`Description::merge`].
pub(crate) fn document(title: &str, about: &str, version: &str, all: Description) -> OpenApi {
    let mut paths = Paths::new();
    paths.paths.extend(all.paths);
    let mut components = ComponentsBuilder::new();
    for (name, schema) in all.named {
        components = components.schema(name, schema);
    }
    for Login { name, about } in all.logins {
        let key = ApiKey::Header(ApiKeyValue::with_description("authorization", about));
        components = components.security_scheme(name, SecurityScheme::ApiKey(key));
    }
    let tags = all.tags.into_iter();
    let tags = tags.map(|tag| TagBuilder::new().name(tag.name).description(Some(tag.about)).build());
    let mut document: OpenApi = OpenApiBuilder::new()
        .info(InfoBuilder::new().title(title).description(Some(about)).version(version).build())
        .paths(paths)
        .components(Some(components.build()))
        .tags(Some(tags))
        .build();
    document.openapi = OpenApiVersion::Version31;
    document
}

/// A document as it is committed and served.
pub(crate) fn text(document: &OpenApi) -> String {
    let mut text = serde_json::to_string_pretty(document).expect("a document is JSON");
    text.push('\n');
    text
}
