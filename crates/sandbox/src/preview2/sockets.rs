//! `wasi:sockets` by name alone: components that import it start, and whatever they call is denied.
//!
//! No socket is ever made, so the methods of one are never reached; they exist because a component may import them.

use wasmtime::StoreContextMut;
use wasmtime::component::types::{ComponentFunc, Type};
use wasmtime::component::{Linker, Resource, ResourceType, Val};

use super::process::Process;
use crate::fault::Stop;

/// The `network` that every component may ask for; it leads nowhere.
struct Network;
/// What no component gets.
struct Nothing;

/// An interface: its name, its resources with their methods, and its functions beside those.
type Interface = (&'static str, &'static [(&'static str, &'static [&'static str])], &'static [&'static str]);

const INTERFACES: &[Interface] = &[
    ("wasi:sockets/tcp-create-socket@0.2.12", &[], &["create-tcp-socket"]),
    ("wasi:sockets/udp-create-socket@0.2.12", &[], &["create-udp-socket"]),
    (
        "wasi:sockets/ip-name-lookup@0.2.12",
        &[("resolve-address-stream", &["resolve-next-address", "subscribe"])],
        &["resolve-addresses"],
    ),
    ("wasi:sockets/tcp@0.2.12", &[("tcp-socket", TCP)], &[]),
    (
        "wasi:sockets/udp@0.2.12",
        &[
            ("udp-socket", UDP),
            ("incoming-datagram-stream", &["receive", "subscribe"]),
            ("outgoing-datagram-stream", &["check-send", "send", "subscribe"]),
        ],
        &[],
    ),
];

const TCP: &[&str] = &[
    "start-bind",
    "finish-bind",
    "start-connect",
    "finish-connect",
    "start-listen",
    "finish-listen",
    "accept",
    "local-address",
    "remote-address",
    "is-listening",
    "address-family",
    "set-listen-backlog-size",
    "keep-alive-enabled",
    "set-keep-alive-enabled",
    "keep-alive-idle-time",
    "set-keep-alive-idle-time",
    "keep-alive-interval",
    "set-keep-alive-interval",
    "keep-alive-count",
    "set-keep-alive-count",
    "hop-limit",
    "set-hop-limit",
    "receive-buffer-size",
    "set-receive-buffer-size",
    "send-buffer-size",
    "set-send-buffer-size",
    "subscribe",
    "shutdown",
];

const UDP: &[&str] = &[
    "start-bind",
    "finish-bind",
    "stream",
    "local-address",
    "remote-address",
    "address-family",
    "unicast-hop-limit",
    "set-unicast-hop-limit",
    "receive-buffer-size",
    "set-receive-buffer-size",
    "send-buffer-size",
    "set-send-buffer-size",
    "subscribe",
];

/// Adds the names to the linker.
pub(super) fn add_to_linker(linker: &mut Linker<Process>) -> wasmtime::Result<()> {
    let mut network = linker.instance("wasi:sockets/network@0.2.12")?;
    network.resource("network", ResourceType::host::<Network>(), |mut store, handle| {
        store.data_mut().table.delete(Resource::<Network>::new_own(handle))?;
        Ok(())
    })?;
    let mut own = linker.instance("wasi:sockets/instance-network@0.2.12")?;
    own.func_wrap("instance-network", |mut store: StoreContextMut<'_, Process>, (): ()| {
        Ok((store.data_mut().push(Network)?,))
    })?;
    for (name, resources, functions) in INTERFACES {
        let mut interface = linker.instance(name)?;
        for function in *functions {
            interface.func_new(function, deny)?;
        }
        for (resource, methods) in *resources {
            interface.resource(resource, ResourceType::host::<Nothing>(), |_, _| Err(impossible()))?;
            for method in *methods {
                interface.func_new(&format!("[method]{resource}.{method}"), deny)?;
            }
        }
    }
    Ok(())
}

/// Answers `access-denied`, which every function has that can be reached.
fn deny(
    _: StoreContextMut<'_, Process>,
    function: ComponentFunc,
    _: &[Val],
    results: &mut [Val],
) -> wasmtime::Result<()> {
    match (function.results().next(), results) {
        (Some(Type::Result(_)), [result]) => {
            *result = Val::Result(Err(Some(Box::new(Val::Enum("access-denied".to_owned())))));
            Ok(())
        }
        _ => Err(impossible()),
    }
}

fn impossible() -> wasmtime::Error {
    Stop::crash("it used a socket that does not exist".to_owned()).into()
}
