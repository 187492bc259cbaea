//! Splitting of a command line into arguments, by the rules that applications for the reference's workers rely on
//! (middleware B.4).

/// A quote was opened and never closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the arguments have a quote {0} that is never closed")]
pub struct UnbalancedQuotes(pub char);

/// Splits `text` at spaces. Quotes group and disappear, the other kind of quote inside is literal; a backslash before
/// a quote makes it literal and stays itself; an empty quoted argument disappears. Nothing is expanded.
///
/// # Errors
/// [`UnbalancedQuotes`] with the quote that stays open.
pub fn split_args(text: &str) -> Result<Vec<String>, UnbalancedQuotes> {
    let mut args = vec![];
    let mut current = String::new();
    let mut open = None;
    let mut escaped = false;
    for character in text.chars() {
        match (character, open) {
            ('\'' | '"', None) if !escaped => open = Some(character),
            (quote, Some(opening)) if quote == opening && !escaped => open = None,
            (' ', None) => {
                if !current.is_empty() {
                    args.push(std::mem::take(&mut current));
                }
            }
            _ => current.push(character),
        }
        escaped = character == '\\';
    }
    if let Some(quote) = open {
        return Err(UnbalancedQuotes(quote));
    }
    if !current.is_empty() {
        args.push(current);
    }
    Ok(args)
}

/// An argument that no command line can carry: it is empty, or needs both kinds of quote.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "argument {0:?} cannot be passed on: empty arguments and ones with both kinds of quote have no form on a command line"
)]
pub struct NoForm(pub String);

/// Writes arguments as one text that [`split_args`] splits into the same arguments again.
///
/// # Errors
/// [`NoForm`] with the argument that has no such form.
pub fn join_args(args: &[String]) -> Result<String, NoForm> {
    let mut words = Vec::with_capacity(args.len());
    for arg in args {
        let forms = [arg.clone(), format!("\"{arg}\""), format!("'{arg}'")];
        let same = |form: &String| split_args(form).is_ok_and(|args| args == [arg.as_str()]);
        words.push(forms.into_iter().find(same).ok_or_else(|| NoForm(arg.clone()))?);
    }
    let text = words.join(" ");
    assert_eq!(split_args(&text).as_deref(), Ok(args), "each word stands for itself between spaces");
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_by_the_rules() {
        let cases: [(&str, &[&str]); 13] = [
            ("", &[]),
            ("   ", &[]),
            ("a  b c ", &["a", "b", "c"]),
            ("a\tb\nc", &["a\tb\nc"]),
            ("'a b' c", &["a b", "c"]),
            ("\"it's\" 'say \"x\"'", &["it's", "say \"x\""]),
            ("\"\" a ''", &["a"]),
            ("a\"b c\"d", &["ab cd"]),
            (r#"\"a b\""#, &[r#"\"a"#, r#"b\""#]),
            (r#""a\" b""#, &[r#"a\" b"#]),
            (r"a\ b", &[r"a\", "b"]),
            ("$HOME *.txt", &["$HOME", "*.txt"]),
            ("été 日本", &["été", "日本"]),
        ];
        for (text, args) in cases {
            assert_eq!(split_args(text).unwrap(), args, "{text}");
        }
    }

    #[test]
    fn joined_arguments_split_into_the_same() {
        let args = ["plain", "two words", "it's", "say \"x\" twice", "a\tb", "été", "-v", "x=\"y\""];
        let args: Vec<String> = args.map(str::to_owned).to_vec();
        assert_eq!(split_args(&join_args(&args).unwrap()).unwrap(), args);
        for odd in ["", "it's \"both\"", "ends in quote\\\""] {
            let joined = join_args(&[odd.to_owned()]);
            assert!(joined.is_err() || split_args(&joined.unwrap()).unwrap() == [odd], "{odd:?}");
        }
        assert_eq!(join_args(&[String::new()]), Err(NoForm(String::new())));
    }

    #[test]
    fn open_quotes_are_an_error() {
        assert_eq!(split_args("a 'b"), Err(UnbalancedQuotes('\'')));
        assert_eq!(split_args("\"a' b"), Err(UnbalancedQuotes('"')));
        assert_eq!(split_args(r#""a\""#), Err(UnbalancedQuotes('"')));
    }
}
