//! The page of a directory. Names are strangers' words: escaped, in a page that may run nothing.

use crate::dag::Link;
use crate::key::{Key, Version};

use super::paths::encode;

/// Entries shown; the page says how many more there are.
const SHOWN_MAX: usize = 2000;

/// The page of the directory at `path`, which is a URL's and begins with `/ipfs/`.
pub(super) fn page(path: &str, key: Key, version: Version, entries: &[Link]) -> String {
    let cid = key.text(version);
    let here = escape(path.trim_end_matches('/'));
    let mut rows = String::new();
    for link in entries.iter().take(SHOWN_MAX) {
        rows.push_str(&format!(
            "<tr><td><a href=\"{here}/{href}\">{name}</a></td><td>{size}</td><td>{to}</td></tr>\n",
            href = encode(&link.name),
            name = escape(&link.name),
            size = link.to.dag_bytes,
            to = link.to.key.text(link.to.version),
        ));
    }
    let more = match entries.len().saturating_sub(SHOWN_MAX) {
        0 => String::new(),
        more => format!("<p>and {more} more</p>\n"),
    };
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{cid}</title></head><body>\n\
         <h1>{cid}</h1>\n<table>\n<tr><th>name</th><th>bytes</th><th>identifier</th></tr>\n{rows}</table>\n{more}\
         </body></html>\n"
    )
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dag::Child;
    use crate::key::Codec;

    #[test]
    fn names_cannot_leave_their_place() {
        let key = Key::of(Codec::DagPb, b"");
        let to = Child { key, version: Version::V0, dag_bytes: 1 };
        let name = "\"><script>alert('1')</script>/../&".to_owned();
        let page = page("/ipfs/Qm/\"onload=x", key, Version::V0, &[Link { name, to }]);
        assert!(!page.contains("<script>") && !page.contains("\"onload"), "{page}");
        assert!(page.contains("href=\"/ipfs/Qm/&quot;onload=x/%22%3E%3Cscript%3E"), "{page}");
    }
}
