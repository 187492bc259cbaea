//! The description of what each role serves: at `/openapi.json` and `/docs` of its origin, and in `docs/openapi`.

use metacloud_routes::{Description, Site};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What shares the one origin of `up`.
pub(crate) fn up() -> Site {
    Site::new(
        "metacloud",
        "All HTTP services of a metacloud node, on one origin. They are those of iExec, so that its published clients \
         work unchanged, and what metacloud adds to them. Every refusal of the JSON services is JSON. GET answers HEAD \
         too. Browsers of any origin may ask. The chain has an origin of its own, and its own document.",
        VERSION,
        [
            metacloud_market::description(),
            metacloud_secrets::description(),
            metacloud_scheduler::description(),
            metacloud_blobs::description(),
            metacloud_explorer::description(),
        ],
    )
}

/// A market alone.
pub(crate) fn market() -> Site {
    alone("metacloud market", metacloud_market::description())
}

/// A secrets service alone.
pub(crate) fn secrets() -> Site {
    alone("metacloud secrets", metacloud_secrets::description())
}

/// Storage alone.
pub(crate) fn storage() -> Site {
    alone("metacloud storage", metacloud_blobs::description())
}

/// An explorer alone.
pub(crate) fn explorer() -> Site {
    alone("metacloud explorer", metacloud_explorer::description())
}

fn alone(title: &str, service: Description) -> Site {
    Site::new(title, "One service of a metacloud network, alone on its origin.", VERSION, [service])
}

/// The OpenAPI documents that are committed: the name of the file, and its text. `metacloud.json` is that of `up`, each
/// other one that of a role alone.
#[must_use]
pub fn openapi_documents() -> Vec<(&'static str, String)> {
    let sites = [
        ("metacloud.json", up()),
        ("market.json", market()),
        ("secrets.json", secrets()),
        ("storage.json", storage()),
        ("explorer.json", explorer()),
        ("workerpool.json", metacloud_scheduler::site()),
        ("chain.json", metacloud_devchain::site()),
    ];
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
