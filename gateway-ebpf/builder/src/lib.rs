//! Builds the XDP program of `gateway-ebpf`, with whichever BPF-capable Rust toolchain the machine has.
//!
//! Two can do it, and neither is on most machines:
//! * **prebuilt**: a compiler that ships `core` for `bpfel-unknown-none` as Debian's `rustc-web` does with
//!   `libstd-rust-web-dev-bpf`;
//! * **nightly**: rustup's nightly toolchain with the `rust-src` component, which builds `core` itself.
//!
//! Both need `bpf-linker`. [`detect`] says which of them is complete, and for an incomplete machine each missing
//! piece with the command that installs it; [`build`] runs the compiler. The build script of `gateway` and
//! `cargo xtask` use this alike, so that both choose the same toolchain and tell the same story.

mod compile;
mod detect;
mod machine;
mod toolchain;

pub use compile::{BuildError, build, sources};
pub use detect::detect;
pub use toolchain::{Detection, Missing, Piece, Route, TOOLCHAIN_VARIABLE, Toolchain};
