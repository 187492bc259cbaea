//! The description of what each role serves: at `/openapi.json` and `/docs` of its origin, and in `docs/openapi`.

use metacloud_routes::{Description, Site};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What shares the one origin of `up`.
pub(crate) fn up() -> Site {
    let services = [market_routes(), secrets_routes()];
    Site::new(
        "metacloud",
        "All HTTP services of a metacloud node, on one origin. They are those of iExec, so that its published clients \
         work unchanged, and what metacloud adds to them. Every refusal of the JSON services is JSON. GET answers HEAD \
         too. Browsers of any origin may ask.",
        VERSION,
        services,
    )
}

/// A market alone.
pub(crate) fn market() -> Site {
    alone("metacloud market", market_routes())
}

/// A secrets service alone.
pub(crate) fn secrets() -> Site {
    alone("metacloud secrets", secrets_routes())
}

fn alone(title: &str, service: Description) -> Site {
    Site::new(title, "One service of a metacloud network, alone on its origin.", VERSION, [service])
}

fn market_routes() -> Description {
    metacloud_market::description()
}

fn secrets_routes() -> Description {
    metacloud_secrets::description()
}

/// The OpenAPI documents that are committed: the name of the file, and its text. `metacloud.json` is that of `up`, each
/// other one that of a role alone.
#[must_use]
pub fn openapi_documents() -> Vec<(&'static str, String)> {
    let sites = [("metacloud.json", up()), ("market.json", market()), ("secrets.json", secrets())];
    sites.into_iter().map(|(file, site)| (file, site.text())).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn committed_documents_are_those_of_the_routes() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi");
        let documents = openapi_documents();
        for (file, text) in &documents {
            let committed = std::fs::read_to_string(folder.join(file)).unwrap_or_default();
            assert!(
                committed == *text,
                "docs/openapi/{file} is not what the routes say: run `cargo xtask openapi`"
            );
        }
        let files =
            std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
        let named: BTreeSet<_> = documents.iter().map(|(file, _)| (*file).to_owned()).collect();
        assert_eq!(files.collect::<BTreeSet<_>>(), named);
    }
}
