//! The client for C and C++: `libgateway_client.so` and `libgateway_client.a`.
//!
//! A thin skin over the Rust client: opaque handles, codes instead of errors, records by pointer. `include/gateway.h`
//! is generated from this crate's sources and committed, so that a C programmer needs no Rust tool, and a change of
//! the interface shows in review; a test fails where they differ. `include/gateway.hpp` is C++17 on top of it.
//!
//! Three rules hold at every entry. Nothing unwinds into the caller: a panic becomes `GATEWAY_ERROR_INTERNAL`. A null
//! where none is allowed is refused, not followed. A failure leaves its words for the thread in `gateway_last_error`.
//!
//! The interface is versioned: [`GATEWAY_ABI_VERSION`] is a program's at compile time, [`gateway_client_abi_version`]
//! the library's at run time. Structs that callers fill begin with their size; functions and values are only added
//! within a major version, and the major version is part of the shared library's name.

#![allow(non_camel_case_types, reason = "the names are those of C")]

mod arguments;
mod book;
mod book_list;
mod books;
mod connection;
mod event;
#[cfg(test)]
mod header;
mod instruments;
mod multi;
mod options;
mod orders;
mod record;
mod status;
mod subscription;

pub use book::*;
pub use book_list::*;
pub use books::*;
pub use connection::*;
pub use event::*;
pub use instruments::*;
pub use multi::*;
pub use options::*;
pub use orders::*;
pub use record::*;
pub use status::{gateway_last_error, gateway_status};
pub use subscription::*;

/// Version of this interface: the major half changes when programs must be compiled again, the minor half when
/// something is added.
pub const GATEWAY_ABI_VERSION: u32 = 5;

/// The version of the library's interface, to be compared with `GATEWAY_ABI_VERSION`: where its upper 16 bits are the
/// program's and its lower 16 bits at least the program's, everything that the program knows is there.
#[unsafe(no_mangle)]
pub extern "C" fn gateway_client_abi_version() -> u32 {
    GATEWAY_ABI_VERSION
}
