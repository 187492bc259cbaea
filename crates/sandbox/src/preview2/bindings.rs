//! What `bindgen!` makes of `wit/`.
#![allow(missing_docs, unreachable_pub, clippy::all)] // generated code

wasmtime::component::bindgen!({
    path: "wit",
    world: "wasi:cli/command",
    imports: { default: trappable },
    trappable_error_type: {
        "wasi:filesystem/types.error-code" => crate::fault::Fault,
        "wasi:io/streams.stream-error" => crate::preview2::error::StreamFault,
    },
    with: {
        "wasi:io/error.error": crate::preview2::streams::StreamFailure,
        "wasi:io/poll.pollable": crate::preview2::poll::Readiness,
        "wasi:io/streams.input-stream": crate::preview2::streams::Source,
        "wasi:io/streams.output-stream": crate::preview2::streams::Target,
        "wasi:filesystem/types.descriptor": crate::preview2::filesystem::OpenFile,
        "wasi:filesystem/types.directory-entry-stream": crate::preview2::filesystem::DirectoryEntries,
    },
});
