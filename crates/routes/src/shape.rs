//! What a parameter or a body looks like.

use utoipa::ToSchema;
use utoipa::openapi::schema::{
    AnyOfBuilder, ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, SchemaType, Type,
};
use utoipa::openapi::{Ref, RefOr};

/// A schema, and the named ones that it refers to.
#[derive(Clone)]
pub struct Shape {
    pub(crate) schema: RefOr<Schema>,
    pub(crate) named: Vec<(String, RefOr<Schema>)>,
}

impl Shape {
    /// Of a type, by its name.
    pub fn of<T: ToSchema>() -> Self {
        let name = T::name().into_owned();
        let mut named = Vec::new();
        T::schemas(&mut named);
        named.push((name.clone(), T::schema()));
        Self { schema: Ref::from_schema_name(name).into(), named }
    }

    /// Of a type with one type argument, by the names of both.
    #[must_use]
    pub fn generic<T: ToSchema, Argument: ToSchema>() -> Self {
        let name = format!("{}_{}", T::name(), Argument::name());
        let mut named = Vec::new();
        T::schemas(&mut named);
        named.push((name.clone(), T::schema()));
        Self { schema: Ref::from_schema_name(name).into(), named }
    }

    /// A list of them.
    #[must_use]
    pub fn list(self) -> Self {
        Self { schema: ArrayBuilder::new().items(self.schema).into(), named: self.named }
    }

    /// Of one of several forms, of which exactly one fits.
    #[must_use]
    pub fn one_of(shapes: impl IntoIterator<Item = Self>) -> Self {
        let (mut forms, mut named) = (OneOfBuilder::new(), Vec::new());
        for shape in shapes {
            forms = forms.item(shape.schema);
            named.extend(shape.named);
        }
        Self { schema: forms.into(), named }
    }

    /// Of forms of which one or several fit.
    #[must_use]
    pub fn any_of(shapes: impl IntoIterator<Item = Self>) -> Self {
        let (mut forms, mut named) = (AnyOfBuilder::new(), Vec::new());
        for shape in shapes {
            forms = forms.item(shape.schema);
            named.extend(shape.named);
        }
        Self { schema: Schema::AnyOf(forms.build()).into(), named }
    }

    /// An integer within bounds, both included.
    pub fn integer(min: u64, max: u64) -> Self {
        Self::inline(Type::Integer, |object| object.minimum(Some(min)).maximum(Some(max)))
    }

    /// An integer within bounds that may be negative, both included.
    pub fn signed(min: i64, max: i64) -> Self {
        Self::inline(Type::Integer, |object| object.minimum(Some(min)).maximum(Some(max)))
    }

    /// Bytes, as they are.
    pub fn bytes() -> Self {
        Self::inline(Type::String, |object| object.content_media_type("application/octet-stream"))
    }

    /// An integer within bounds, and what stands for it when it is left out.
    pub fn integer_or(default: u64, min: u64, max: u64) -> Self {
        let bounded = |object: ObjectBuilder| object.minimum(Some(min)).maximum(Some(max));
        Self::inline(Type::Integer, |object| bounded(object).default(Some(default.into())))
    }

    /// `true` or `false`; false when it is left out.
    pub fn truth() -> Self {
        Self::inline(Type::Boolean, |object| object.default(Some(false.into())))
    }

    /// One of some words.
    pub fn words(words: &[&str]) -> Self {
        Self::inline(Type::String, |object| object.enum_values(Some(words.iter().copied())))
    }

    /// Text of so many characters.
    pub fn text(min_chars: usize, max_chars: usize) -> Self {
        Self::inline(Type::String, |object| object.min_length(Some(min_chars)).max_length(Some(max_chars)))
    }

    /// Text in a form that a regular expression tells.
    pub fn pattern(pattern: &str) -> Self {
        Self::inline(Type::String, |object| object.pattern(Some(pattern)))
    }

    /// Text without a rule.
    pub fn any_text() -> Self {
        Self::inline(Type::String, |object| object)
    }

    /// Text without a rule, or nothing.
    pub fn nullable_text() -> Self {
        Self::plain(
            ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::String, Type::Null])).into(),
        )
    }

    /// Text, a number or nothing, as JSON-RPC names its calls.
    pub fn id() -> Self {
        let types = [Type::String, Type::Number, Type::Null];
        Self::plain(ObjectBuilder::new().schema_type(SchemaType::from_iter(types)).into())
    }

    /// Any object, or nothing.
    pub fn nullable_object() -> Self {
        Self::plain(
            ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::Object, Type::Null])).into(),
        )
    }

    /// Any JSON.
    pub fn any() -> Self {
        Self::plain(ObjectBuilder::new().schema_type(SchemaType::AnyValue).into())
    }

    /// An object under a name of its own: its members, each with whether it is always there.
    #[must_use]
    pub fn object(name: &str, members: impl IntoIterator<Item = (&'static str, Self, bool)>) -> Self {
        let (mut object, mut named) = (ObjectBuilder::new(), Vec::new());
        for (member, shape, always) in members {
            object = object.property(member, shape.schema);
            if always {
                object = object.required(member);
            }
            named.extend(shape.named);
        }
        named.push((name.to_owned(), Schema::from(object).into()));
        Self { schema: Ref::from_schema_name(name).into(), named }
    }

    /// An object whose members have names of their own choice.
    #[must_use]
    pub fn map(self) -> Self {
        let object = ObjectBuilder::new().additional_properties(Some(self.schema));
        Self { schema: Schema::from(object).into(), named: self.named }
    }

    pub(crate) fn plain(schema: Schema) -> Self {
        Self { schema: schema.into(), named: Vec::new() }
    }

    fn inline(of: Type, with: impl FnOnce(ObjectBuilder) -> ObjectBuilder) -> Self {
        Self::plain(with(ObjectBuilder::new().schema_type(of)).into())
    }
}
