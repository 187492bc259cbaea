//! Names of content and content itself.

use std::fmt::{Debug, Display};
use std::io::Cursor;
use std::str::FromStr;

use metacloud_blobs::archive::{Limits, unpack};
use metacloud_blobs::{Cid, Location};
use metacloud_protocol::result::ResultLink;
use metacloud_protocol::{Nrlc, Tag};
use metacloud_wire::ready::ReadyFile;
use metacloud_wire::{Checksummed, SafeUint, Timestamp};

/// What an archive may hold here, so that a run is quick.
const LIMITS: Limits = Limits { archive_bytes_max: 1 << 16, files_max: 16, content_bytes_max: 1 << 18 };

/// Short texts and files: identifiers, amounts, tags, times, places, the ready file.
pub(crate) fn text(bytes: &[u8]) {
    let _ = Location::from_chain(bytes).map(|place| place.to_chain());
    let link = ResultLink::from_bytes(bytes);
    assert_eq!(ResultLink::from_bytes(&link.to_bytes()), link);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    comes_back::<Cid>(text);
    comes_back::<Nrlc>(text);
    comes_back::<Tag>(text);
    comes_back::<Timestamp>(text);
    comes_back::<Checksummed>(text);
    let _ = text.parse::<SafeUint>();
    let _ = text.parse::<Location>();
    if let Ok(read) = ReadyFile::from_json(text) {
        assert_eq!(ReadyFile::from_json(&read.to_json()).ok(), Some(read));
    }
}

fn comes_back<T: FromStr + Display + Debug + PartialEq>(text: &str) {
    let Ok(read) = text.parse::<T>() else { return };
    assert_eq!(read.to_string().parse::<T>().ok(), Some(read));
}

/// A result archive: nothing of it may land outside its folder, or exceed its bounds.
pub(crate) fn archive(bytes: &[u8]) {
    let outer = tempfile::tempdir().expect("a temporary folder");
    let inner = outer.path().join("inner");
    std::fs::create_dir(&inner).expect("a new folder");
    if let Ok(names) = unpack(Cursor::new(bytes), &inner, &LIMITS) {
        assert!(names.len() <= LIMITS.files_max as usize);
        let bytes: u64 =
            names.iter().map(|name| inner.join(name).metadata().expect("it was unpacked").len()).sum();
        assert!(bytes <= LIMITS.content_bytes_max);
    }
    let beside = std::fs::read_dir(outer.path()).expect("our folder").count();
    assert_eq!(beside, 1, "something landed beside the folder");
}
