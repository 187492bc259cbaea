//! What one route takes and answers.

use axum::http::StatusCode;
use utoipa::ToSchema;
use utoipa::openapi::path::{OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{Content, HeaderBuilder, RefOr, Required, SecurityRequirement};

use crate::shape::Shape;

const JSON: &str = "application/json";

/// How a caller proves who it is: the header `authorization`, in a form of the service's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Login {
    /// Its name in the document.
    pub name: &'static str,
    /// What the header holds.
    pub about: &'static str,
}

/// What one route takes and answers. Every status that the handler can give is told.
#[must_use]
pub struct Operation {
    pub(crate) id: &'static str,
    builder: OperationBuilder,
    body: Option<RequestBodyBuilder>,
    answers: Vec<(u16, ResponseBuilder)>,
    pub(crate) named: Vec<(String, RefOr<Schema>)>,
    pub(crate) login: Option<Login>,
}

impl Operation {
    /// `id` is unique in all services, as `getDeal`; the summary is one sentence.
    pub fn new(id: &'static str, summary: &str) -> Self {
        Self {
            id,
            builder: OperationBuilder::new().operation_id(Some(id)).summary(Some(summary)),
            body: None,
            answers: Vec::new(),
            named: Vec::new(),
            login: None,
        }
    }

    /// More than the summary tells.
    pub fn about(mut self, text: &str) -> Self {
        self.builder = self.builder.description(Some(text));
        self
    }

    /// A segment of the path.
    pub fn path(self, name: &str, shape: Shape, about: &str) -> Self {
        self.parameter(name, ParameterIn::Path, Required::True, shape, about)
    }

    /// A parameter of the query that may be left out.
    pub fn query(self, name: &str, shape: Shape, about: &str) -> Self {
        self.parameter(name, ParameterIn::Query, Required::False, shape, about)
    }

    /// A parameter of the query that must be there.
    pub fn query_needed(self, name: &str, shape: Shape, about: &str) -> Self {
        self.parameter(name, ParameterIn::Query, Required::True, shape, about)
    }

    /// A header that may be left out.
    pub fn header(self, name: &str, shape: Shape, about: &str) -> Self {
        self.parameter(name, ParameterIn::Header, Required::False, shape, about)
    }

    /// A header that must be there.
    pub fn header_needed(self, name: &str, shape: Shape, about: &str) -> Self {
        self.parameter(name, ParameterIn::Header, Required::True, shape, about)
    }

    fn parameter(
        mut self,
        name: &str,
        place: ParameterIn,
        required: Required,
        shape: Shape,
        about: &str,
    ) -> Self {
        self.named.extend(shape.named);
        let parameter = ParameterBuilder::new().name(name).parameter_in(place).required(required);
        self.builder = self.builder.parameter(parameter.description(Some(about)).schema(Some(shape.schema)));
        self
    }

    /// Only for callers who log in so.
    pub fn login(mut self, login: Login) -> Self {
        self.login = Some(login);
        self.builder = self.builder.security(SecurityRequirement::new(login.name, [""; 0]));
        self
    }

    /// JSON of a type, which must be there.
    pub fn takes<T: ToSchema>(self) -> Self {
        self.takes_shape(JSON, Shape::of::<T>())
    }

    /// A body of any content type, which must be there.
    pub fn takes_shape(mut self, content_type: &str, shape: Shape) -> Self {
        self.named.extend(shape.named);
        let body = self.body.take().unwrap_or_default().required(Some(Required::True));
        self.body = Some(body.content(content_type, Content::new(Some(shape.schema))));
        self
    }

    /// A body of bytes, which must be there.
    pub fn takes_bytes(self, content_type: &str) -> Self {
        self.takes_shape(content_type, Shape::bytes())
    }

    /// JSON of a type.
    pub fn answers<T: ToSchema>(self, status: u16, about: &str) -> Self {
        self.answers_shape(status, JSON, Shape::of::<T>(), about)
    }

    /// A body of any content type; several for one status are several calls.
    pub fn answers_shape(mut self, status: u16, content_type: &str, shape: Shape, about: &str) -> Self {
        self.named.extend(shape.named);
        let content = Content::new(Some(shape.schema));
        self.answer(status, about, |answer| answer.content(content_type, content));
        self
    }

    /// Bytes.
    pub fn answers_bytes(self, status: u16, content_type: &str, about: &str) -> Self {
        self.answers_shape(status, content_type, Shape::bytes(), about)
    }

    /// No body.
    pub fn answers_empty(mut self, status: u16, about: &str) -> Self {
        self.answer(status, about, |answer| answer);
        self
    }

    /// A header of an answer told before.
    pub fn answer_header(mut self, status: u16, name: &str, shape: Shape, about: &str) -> Self {
        self.named.extend(shape.named);
        let header = HeaderBuilder::new().schema(Some(shape.schema)).description(Some(about));
        self.answer(status, "", |answer| answer.header(name, header.build()));
        self
    }

    /// Refusals that have a JSON body of one type, each with when it is given.
    pub fn refuses<T: ToSchema>(mut self, refusals: &[(u16, &str)]) -> Self {
        for (status, about) in refusals {
            self = self.answers::<T>(*status, about);
        }
        self
    }

    /// Refusals without a body.
    pub fn refuses_empty(mut self, refusals: &[(u16, &str)]) -> Self {
        for (status, about) in refusals {
            self = self.answers_empty(*status, about);
        }
        self
    }

    fn answer(&mut self, status: u16, about: &str, with: impl FnOnce(ResponseBuilder) -> ResponseBuilder) {
        assert!(StatusCode::from_u16(status).is_ok(), "{}: {status} is no status", self.id);
        let at = self.answers.iter().position(|(known, _)| *known == status);
        let known = at.map(|at| self.answers.remove(at).1);
        let answer = known.unwrap_or_else(|| ResponseBuilder::new().description(about));
        self.answers.push((status, with(answer)));
    }

    pub(crate) fn build(self, tag: &str) -> utoipa::openapi::path::Operation {
        assert!(!self.answers.is_empty(), "{} answers nothing", self.id);
        let mut builder = self.builder.tag(tag).request_body(self.body.map(Into::into));
        for (status, answer) in self.answers {
            let answer: Response = answer.build();
            builder = builder.response(status.to_string(), answer);
        }
        builder.build()
    }
}
