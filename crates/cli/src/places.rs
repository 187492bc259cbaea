//! Folders of the user, by the XDG rules, and the mark that a running `up` leaves there.

use std::path::{Path, PathBuf};

/// Where state is kept.
pub(crate) fn data() -> Option<PathBuf> {
    folder("XDG_DATA_HOME", ".local/share")
}

/// Where settings are looked for unless told otherwise.
pub(crate) fn settings() -> Option<PathBuf> {
    Some(configuration()?.join("config.toml"))
}

/// Where networks are described.
pub(crate) fn configuration() -> Option<PathBuf> {
    folder("XDG_CONFIG_HOME", ".config")
}

/// Where a running `up` leaves its ready file, for `run` on the same machine.
pub(crate) fn running_up() -> Option<PathBuf> {
    let folder = match absolute("XDG_RUNTIME_DIR") {
        Some(folder) => folder.join("metacloud"),
        None => data()?,
    };
    Some(folder.join("ready.json"))
}

fn folder(variable: &str, below_home: &str) -> Option<PathBuf> {
    let base = absolute(variable).or_else(|| absolute("HOME").map(|home| home.join(below_home)))?;
    Some(base.join("metacloud"))
}

fn absolute(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute())
}

/// A ready file left for others; removed when dropped, if it is still ours.
pub(crate) struct Registered {
    path: PathBuf,
    text: String,
}

/// Leaves `text` at `path`. A cloud runs as well without the mark, so a failure is only logged.
pub(crate) fn register(path: &Path, text: &str) -> Option<Registered> {
    let write = || {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let whole = path.with_extension(format!("json.{}", std::process::id()));
        std::fs::write(&whole, text)?;
        std::fs::rename(&whole, path)
    };
    match write() {
        Ok(()) => Some(Registered { path: path.to_path_buf(), text: text.to_owned() }),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "`metacloud run` will need --ready-file");
            None
        }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        if std::fs::read_to_string(&self.path).is_ok_and(|text| text == self.text) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
