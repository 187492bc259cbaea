//! `metacloud config show`.

use serde_json::{Map, Value, json};

use super::{Refused, Setting, Settings, Source, of_role};
use crate::args::{ROLES, ShowArguments};
use crate::failure::Failure;
use crate::key;

/// Prints what is in force: for the role whose settings were read with the command line, or else for all roles.
pub(crate) fn show(arguments: &ShowArguments, settings: Option<Settings>) -> Result<(), Failure> {
    let shown = match settings {
        Some(settings) => vec![settings],
        None => ROLES.into_iter().map(|role| all(role, arguments)).collect::<Result<_, _>>()?,
    };
    let json = arguments.json || arguments.role.as_ref().is_some_and(crate::role::wants_json);
    if json {
        let roles: Map<String, Value> =
            shown.iter().map(|settings| (settings.role.to_owned(), object(settings))).collect();
        println!("{}", Value::Object(roles));
        return Ok(());
    }
    for (index, settings) in shown.iter().enumerate() {
        if index > 0 {
            println!();
        }
        print(settings);
    }
    Ok(())
}

fn all(role: &str, arguments: &ShowArguments) -> Result<Settings, Failure> {
    of_role(role, arguments.config.as_deref()).map_err(|refused| match refused {
        Refused::Settings(failure) => failure,
        // A variable with a value that the role does not take.
        Refused::Usage(error) => Failure::environment(format!(
            "{role}: {}",
            error.to_string().lines().next().unwrap_or_default().trim_start_matches("error: ")
        )),
    })
}

fn print(settings: &Settings) {
    println!("[{}]", settings.role);
    let rows: Vec<(String, String, String)> = rows(settings)
        .into_iter()
        .map(|(key, value, source)| (key, value.unwrap_or_else(|| "-".to_owned()), source.in_words()))
        .collect();
    let width = |column: fn(&(String, String, String)) -> &String| {
        rows.iter().map(|row| column(row).chars().count()).max().unwrap_or(0)
    };
    let (keys, values) = (width(|row| &row.0), width(|row| &row.1));
    for (key, value, source) in &rows {
        println!("{}", format!("  {key:keys$}  {value:values$}  {source}").trim_end());
    }
}

fn object(settings: &Settings) -> Value {
    let rows = rows(settings).into_iter().map(|(key, value, source)| {
        let place = match &source {
            Source::Environment(name) => Some(name.clone()),
            Source::File { path, line } => Some(format!("{}:{line}", path.display())),
            Source::Ready(path) => Some(path.display().to_string()),
            Source::Flag | Source::Default | Source::Unset => None,
        };
        (key, json!({ "value": value, "source": source.name(), "place": place }))
    });
    Value::Object(rows.collect())
}

fn rows(settings: &Settings) -> Vec<(String, Option<String>, Source)> {
    let row = |setting: &Setting| match setting.key.as_str() {
        "key" => {
            let (value, source) = key::shown(settings);
            (setting.key.clone(), value, source)
        }
        _ => (setting.key.clone(), setting.value.as_deref().map(without_secrets), setting.source.clone()),
    };
    settings.values.iter().map(row).collect()
}

/// A URL may carry a password or an access token: only scheme, host and port are shown.
fn without_secrets(value: &str) -> String {
    let Some((scheme, rest)) = value.split_once("://") else { return value.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let path = if path.is_empty() || path == "/" { "" } else { "/…" };
    format!("{scheme}://{host}{path}")
}

impl Source {
    fn name(&self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Environment(_) => "environment",
            Self::File { .. } => "file",
            Self::Ready(_) => "ready file",
            Self::Default => "default",
            Self::Unset => "unset",
        }
    }

    fn in_words(&self) -> String {
        match self {
            Self::Environment(name) => format!("environment {name}"),
            Self::File { path, line } => format!("file {} line {line}", path.display()),
            Self::Ready(path) => format!("ready file {}", path.display()),
            Self::Unset => String::new(),
            Self::Flag | Self::Default => self.name().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_url_may_carry_is_not_shown() {
        for (url, shown) in [
            ("http://127.0.0.1:8545", "http://127.0.0.1:8545"),
            ("http://127.0.0.1:8545/", "http://127.0.0.1:8545"),
            ("https://user:secret@node.example/v3/secret?k=secret", "https://node.example/…"),
            ("wss://node.example?token=secret", "wss://node.example/…"),
            ("http://a@b@host#secret", "http://host/…"),
            ("0.0.0.0:8600", "0.0.0.0:8600"),
        ] {
            assert_eq!(without_secrets(url), shown);
        }
    }
}
