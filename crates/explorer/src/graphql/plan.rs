//! From a document to what is to be fetched: names resolved, fragments unfolded, everything counted before any of it is
//! done.

use std::collections::BTreeMap;

use graphql_parser::query::{self, Definition, Document, OperationDefinition, Selection, SelectionSet};
use serde_json::Value;

use super::filter::{self, Bound, Filter, Values};
use super::introspection::{self, Asked};
use super::schema::{Entity, Field, Kind, Schema};
use super::types::Types;
use super::value::{Variables, literal};
use super::{QueryError, Request};

/// Depth of selections, fragments unfolded.
pub(super) const DEPTH_MAX: usize = 12;
/// Fields of a request, fragments unfolded.
pub(super) const FIELDS_MAX: usize = 2_000;
/// Entities of one list.
pub(super) const FIRST_MAX: i64 = 1_000;
/// Entities of a list that names no number (The Graph's own).
pub(super) const FIRST_DEFAULT: i64 = 100;
/// Entities passed over; beyond it, filter by id or time.
pub(super) const SKIP_MAX: i64 = 1_000_000;
/// Depth of what is asked of types: tools unwrap lists of lists to any depth that they may have.
const INTROSPECTION_DEPTH_MAX: usize = 32;

/// One member of the answer.
#[derive(Debug)]
pub(super) struct Root {
    pub(super) key: String,
    pub(super) what: RootWhat,
}

#[derive(Debug)]
pub(super) enum RootWhat {
    Typename,
    /// What types there are: known without looking at the index.
    Types(Value),
    /// Number, hash and time of the last block, as far as asked.
    Meta(Vec<MetaPart>),
    One {
        entity: &'static Entity,
        id: Bound,
        fields: Vec<Chosen>,
    },
    Many {
        entity: &'static Entity,
        list: List,
        fields: Vec<Chosen>,
    },
}

/// A member of `_meta`: its key, its name, and, for the block, its members.
#[derive(Debug)]
pub(super) struct MetaPart {
    pub(super) key: String,
    pub(super) name: String,
    pub(super) parts: Vec<(String, String)>,
}

/// Which entities, in which order.
#[derive(Debug)]
pub(super) struct List {
    pub(super) filter: Filter,
    pub(super) order: &'static str,
    pub(super) descending: bool,
    pub(super) first: i64,
    pub(super) skip: i64,
}

/// A field that was asked for, with the key of the answer.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) key: String,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    Typename(&'static str),
    Scalar(&'static Field),
    /// An object of which only the id is known: keys, and whether each is the id or the type's name.
    Id(&'static Field, Vec<(String, bool)>),
    Items(&'static Field, Vec<(String, bool)>),
    One(&'static Entity, &'static Field, Vec<Chosen>),
    Many(&'static Entity, &'static Field, List, Vec<Chosen>),
}

/// A field as it was written.
type Written<'a> = query::Field<'a, String>;
/// Fields by the key of the answer, in the order of their first appearance.
type Gathered<'d> = Vec<(String, Vec<&'d Written<'d>>)>;

struct Planner<'d> {
    schema: &'static Schema,
    fragments: BTreeMap<&'d str, &'d query::FragmentDefinition<'d, String>>,
    variables: Variables,
    values: Values,
    fields: usize,
}

/// Lays out one operation of a document.
pub(super) fn plan(schema: &'static Schema, request: &Request) -> Result<Vec<Root>, QueryError> {
    let document: Document<'_, String> =
        query::parse_query(&request.query).map_err(|error| QueryError::new(one_line(&error.to_string())))?;
    let (selections, definitions) = operation(&document, request.operation_name.as_deref())?;
    let mut fragments = BTreeMap::new();
    for definition in &document.definitions {
        if let Definition::Fragment(fragment) = definition {
            fragments.insert(fragment.name.as_str(), fragment);
        }
    }
    let variables = Variables::read(definitions, &request.variables)?;
    let mut planner = Planner { schema, fragments, variables, values: Values::default(), fields: 0 };
    planner.roots(selections)
}

fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(300).collect()
}

type Operation<'d> = (&'d SelectionSet<'d, String>, &'d [query::VariableDefinition<'d, String>]);

fn operation<'d>(
    document: &'d Document<'d, String>,
    wanted: Option<&str>,
) -> Result<Operation<'d>, QueryError> {
    let operations = document.definitions.iter().filter_map(|definition| match definition {
        Definition::Operation(operation) => Some(operation),
        Definition::Fragment(_) => None,
    });
    let mut found = None;
    for operation in operations {
        let (name, parts) = match operation {
            OperationDefinition::SelectionSet(set) => (None, (set, &[][..])),
            OperationDefinition::Query(query) => {
                (query.name.as_deref(), (&query.selection_set, &query.variable_definitions[..]))
            }
            OperationDefinition::Mutation(_) | OperationDefinition::Subscription(_) => {
                return Err(QueryError::new("only queries are answered here"));
            }
        };
        if wanted.is_some() && name != wanted {
            continue;
        }
        if found.replace(parts).is_some() {
            return Err(QueryError::new("operationName must tell which of several operations is meant"));
        }
    }
    found.ok_or_else(|| QueryError::new("the document holds no such operation"))
}

impl<'d> Planner<'d> {
    fn roots(&mut self, set: &'d SelectionSet<'d, String>) -> Result<Vec<Root>, QueryError> {
        let gathered = self.gather("Query", &[set], DEPTH_MAX)?;
        gathered.into_iter().map(|(key, fields)| Ok(Root { key, what: self.root(&fields)? })).collect()
    }

    fn root(&mut self, fields: &[&'d Written<'d>]) -> Result<RootWhat, QueryError> {
        let field = fields[0];
        let name = field.name.as_str();
        match name {
            "__typename" => return Ok(RootWhat::Typename),
            "_meta" => return self.meta(fields),
            "__schema" => {
                let asked = self.asked("__Schema", fields, INTROSPECTION_DEPTH_MAX)?;
                return Ok(RootWhat::Types(introspection::schema(&Types::of(self.schema), &asked)?));
            }
            "__type" => {
                let asked = self.asked("__Type", fields, INTROSPECTION_DEPTH_MAX)?;
                let wanted = self.argument(field, "name")?;
                let wanted = wanted.as_str().ok_or_else(|| QueryError::new("name must be text"))?;
                return Ok(RootWhat::Types(introspection::named(&Types::of(self.schema), wanted, &asked)?));
            }
            _ => {}
        }
        for entity in self.schema.0 {
            if entity.many == name {
                let list = self.list(entity, field)?;
                return Ok(RootWhat::Many { entity, list, fields: self.chosen(entity, fields, DEPTH_MAX)? });
            }
            if entity.one == name {
                let id = self.id(entity, field)?;
                return Ok(RootWhat::One { entity, id, fields: self.chosen(entity, fields, DEPTH_MAX)? });
            }
        }
        Err(QueryError::new(format!("Type `Query` has no field `{name}`")))
    }

    fn id(&self, entity: &'static Entity, field: &Written<'_>) -> Result<Bound, QueryError> {
        filter::bound(&entity.fields[0], "id", &self.argument(field, "id")?)
    }

    /// The only argument of a field.
    fn argument(&self, field: &Written<'_>, wanted: &str) -> Result<Value, QueryError> {
        let mut found = None;
        for (name, value) in &field.arguments {
            match name == wanted {
                true => found = Some(literal(value, &self.variables)?),
                false => return Err(no_argument(&field.name, name)),
            }
        }
        found.ok_or_else(|| QueryError::new(format!("{} needs the argument {wanted}", field.name)))
    }

    /// What is asked of an introspection type.
    fn asked(
        &mut self,
        type_name: &'static str,
        fields: &[&'d Written<'d>],
        depth: usize,
    ) -> Result<Vec<Asked>, QueryError> {
        let gathered = self.inside(type_name, fields, depth)?;
        let mut asked = Vec::with_capacity(gathered.len());
        for (key, fields) in gathered {
            let name = fields[0].name.clone();
            if let Some((argument, _)) = fields[0].arguments.first()
                && argument != "includeDeprecated"
            {
                return Err(no_argument(&name, argument));
            }
            let inside = match introspection::inside(type_name, &name)? {
                Some(inner) => self.asked(inner, &fields, depth - 1)?,
                None => Vec::new(),
            };
            asked.push(Asked { key, name, inside });
        }
        Ok(asked)
    }

    fn list(&mut self, entity: &'static Entity, field: &Written<'_>) -> Result<List, QueryError> {
        let mut list = List {
            filter: Filter::All(Vec::new()),
            order: entity.fields[0].column,
            descending: false,
            first: FIRST_DEFAULT,
            skip: 0,
        };
        for (name, value) in &field.arguments {
            let value = literal(value, &self.variables)?;
            match name.as_str() {
                "where" => list.filter = filter::read(entity, &value, &mut self.values)?,
                _ if value.is_null() => {}
                "first" => list.first = number(name, &value, FIRST_MAX)?,
                "skip" => list.skip = number(name, &value, SKIP_MAX)?,
                "orderBy" => list.order = order(entity, &value)?,
                "orderDirection" => {
                    list.descending = match value.as_str() {
                        Some("asc") => false,
                        Some("desc") => true,
                        _ => return Err(QueryError::new("orderDirection must be asc or desc")),
                    };
                }
                _ => return Err(no_argument(&field.name, name)),
            }
        }
        Ok(list)
    }

    /// What is asked of an entity, by fields that share a key.
    fn chosen(
        &mut self,
        entity: &'static Entity,
        asked: &[&'d Written<'d>],
        depth: usize,
    ) -> Result<Vec<Chosen>, QueryError> {
        let gathered = self.inside(entity.name, asked, depth)?;
        let mut chosen = Vec::with_capacity(gathered.len());
        for (key, fields) in gathered {
            chosen.push(Chosen { key, what: self.what(entity, &fields, depth - 1)? });
        }
        Ok(chosen)
    }

    fn what(
        &mut self,
        entity: &'static Entity,
        fields: &[&'d Written<'d>],
        depth: usize,
    ) -> Result<What, QueryError> {
        let written = fields[0];
        let name = written.name.as_str();
        if name == "__typename" {
            return Ok(What::Typename(entity.name));
        }
        let field = entity
            .field(name)
            .ok_or_else(|| QueryError::new(format!("Type `{}` has no field `{name}`", entity.name)))?;
        if let Kind::Many(other, _) | Kind::Listed(other, ..) = field.kind {
            let list = self.list(other, written)?;
            return Ok(What::Many(other, field, list, self.chosen(other, fields, depth)?));
        }
        if let Kind::Items(..) = field.kind {
            return Ok(What::Items(field, self.ids(fields, depth)?));
        }
        if let Some((argument, _)) = written.arguments.first() {
            return Err(no_argument(name, argument));
        }
        match field.kind {
            Kind::One(other) => Ok(What::One(other, field, self.chosen(other, fields, depth)?)),
            Kind::Id => Ok(What::Id(field, self.ids(fields, depth)?)),
            _ if !written.selection_set.items.is_empty() => {
                Err(QueryError::new(format!("field `{name}` of type `{}` has no fields", entity.name)))
            }
            _ => Ok(What::Scalar(field)),
        }
    }

    fn ids(&mut self, fields: &[&'d Written<'d>], depth: usize) -> Result<Vec<(String, bool)>, QueryError> {
        let gathered = self.inside("", fields, depth)?;
        gathered
            .into_iter()
            .map(|(key, fields)| match fields[0].name.as_str() {
                "id" => Ok((key, true)),
                "__typename" => Ok((key, false)),
                name => Err(QueryError::new(format!("of `{}` only the id is known, not `{name}`", key))),
            })
            .collect()
    }

    fn meta(&mut self, fields: &[&'d Written<'d>]) -> Result<RootWhat, QueryError> {
        let mut parts = Vec::new();
        for (key, fields) in self.inside("_Meta_", fields, DEPTH_MAX)? {
            let name = fields[0].name.clone();
            let inner = match name.as_str() {
                "block" => {
                    let inner = self.inside("_Block_", &fields, DEPTH_MAX - 1)?;
                    inner.into_iter().map(|(key, fields)| (key, fields[0].name.clone())).collect()
                }
                _ => Vec::new(),
            };
            parts.push(MetaPart { key, name, parts: inner });
        }
        Ok(RootWhat::Meta(parts))
    }

    /// What is selected inside of fields that share a key.
    fn inside(
        &mut self,
        type_name: &str,
        fields: &[&'d Written<'d>],
        depth: usize,
    ) -> Result<Gathered<'d>, QueryError> {
        let sets: Vec<_> = fields.iter().map(|field| &field.selection_set).collect();
        if sets.iter().any(|set| set.items.is_empty()) {
            return Err(QueryError::new(format!(
                "`{}` is an object: say which of its fields",
                fields[0].name
            )));
        }
        self.gather(type_name, &sets, depth)
    }

    fn gather(
        &mut self,
        type_name: &str,
        sets: &[&'d SelectionSet<'d, String>],
        depth: usize,
    ) -> Result<Gathered<'d>, QueryError> {
        let mut gathered = Vec::new();
        for set in sets {
            self.gather_one(type_name, set, depth, &mut gathered)?;
        }
        Ok(gathered)
    }

    fn gather_one(
        &mut self,
        type_name: &str,
        set: &'d SelectionSet<'d, String>,
        depth: usize,
        gathered: &mut Gathered<'d>,
    ) -> Result<(), QueryError> {
        let Some(depth) = depth.checked_sub(1).filter(|depth| *depth > 0) else {
            return Err(QueryError::new("the query nests too deep"));
        };
        for selection in &set.items {
            self.fields += 1;
            if self.fields > FIELDS_MAX {
                return Err(QueryError::new(format!("the query has more than {FIELDS_MAX} fields")));
            }
            match selection {
                Selection::Field(field) if self.included(&field.directives)? => enter(gathered, field)?,
                Selection::FragmentSpread(spread) if self.included(&spread.directives)? => {
                    let name = spread.fragment_name.as_str();
                    let fragment = *self
                        .fragments
                        .get(name)
                        .ok_or_else(|| QueryError::new(format!("there is no fragment {name}")))?;
                    let query::TypeCondition::On(on) = &fragment.type_condition;
                    if fits(on, type_name) {
                        self.gather_one(type_name, &fragment.selection_set, depth, gathered)?;
                    }
                }
                Selection::InlineFragment(fragment) if self.included(&fragment.directives)? => {
                    let on = fragment.type_condition.as_ref().map(|query::TypeCondition::On(on)| on);
                    if on.is_none_or(|on| fits(on, type_name)) {
                        self.gather_one(type_name, &fragment.selection_set, depth, gathered)?;
                    }
                }
                Selection::Field(_) | Selection::FragmentSpread(_) | Selection::InlineFragment(_) => {}
            }
        }
        Ok(())
    }

    /// `@skip` and `@include`.
    fn included(&self, directives: &[query::Directive<'_, String>]) -> Result<bool, QueryError> {
        for directive in directives {
            let wanted = match directive.name.as_str() {
                "skip" => false,
                "include" => true,
                name => return Err(QueryError::new(format!("there is no directive @{name}"))),
            };
            let condition = directive.arguments.iter().find(|(name, _)| name == "if");
            let condition = condition.map(|(_, value)| literal(value, &self.variables)).transpose()?;
            match condition.as_ref().and_then(Value::as_bool) {
                None => return Err(QueryError::new(format!("@{} needs if: Boolean", directive.name))),
                Some(condition) if condition != wanted => return Ok(false),
                Some(_) => {}
            }
        }
        Ok(true)
    }
}

/// Only one type stands at each place: a fragment on another selects nothing. Types known by id have any name.
fn fits(on: &str, type_name: &str) -> bool {
    type_name.is_empty() || on == type_name
}

fn enter<'d>(gathered: &mut Gathered<'d>, field: &'d Written<'d>) -> Result<(), QueryError> {
    let key = field.alias.as_ref().unwrap_or(&field.name);
    match gathered.iter_mut().find(|(known, _)| known == key) {
        None => gathered.push((key.clone(), vec![field])),
        Some((_, fields)) => {
            if fields[0].name != field.name || fields[0].arguments != field.arguments {
                return Err(QueryError::new(format!("`{key}` means two different things; use an alias")));
            }
            fields.push(field);
        }
    }
    Ok(())
}

fn no_argument(field: &str, argument: &str) -> QueryError {
    QueryError::new(format!("field `{field}` has no argument `{argument}`"))
}

fn number(name: &str, value: &Value, max: i64) -> Result<i64, QueryError> {
    let number = value.as_i64().filter(|number| (0..=max).contains(number));
    number.ok_or_else(|| QueryError::new(format!("{name} must be between 0 and {max}")))
}

fn order(entity: &'static Entity, value: &Value) -> Result<&'static str, QueryError> {
    let field = value.as_str().and_then(|name| entity.field(name));
    match field {
        Some(field) if field.kind.orders() => Ok(field.column),
        _ => Err(QueryError::new(format!("{} cannot be ordered by {value}", entity.name))),
    }
}

/// Whether a plan shows an entity.
pub(super) fn shows(roots: &[Root], entity: &'static Entity) -> bool {
    fn within(chosen: &[Chosen], entity: &'static Entity) -> bool {
        chosen.iter().any(|chosen| match &chosen.what {
            What::One(other, _, fields) | What::Many(other, _, _, fields) => {
                std::ptr::eq(*other, entity) || within(fields, entity)
            }
            What::Typename(_) | What::Scalar(_) | What::Id(..) | What::Items(..) => false,
        })
    }
    roots.iter().any(|root| match &root.what {
        RootWhat::One { entity: other, fields, .. } | RootWhat::Many { entity: other, fields, .. } => {
            std::ptr::eq(*other, entity) || within(fields, entity)
        }
        RootWhat::Typename | RootWhat::Types(_) | RootWhat::Meta(_) => false,
    })
}
