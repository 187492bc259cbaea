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
    fn open_quotes_are_an_error() {
        assert_eq!(split_args("a 'b"), Err(UnbalancedQuotes('\'')));
        assert_eq!(split_args("\"a' b"), Err(UnbalancedQuotes('"')));
        assert_eq!(split_args(r#""a\""#), Err(UnbalancedQuotes('"')));
    }
}
