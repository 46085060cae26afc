//! Everything a developer runs, behind `cargo xtask`.
//!
//! This binary builds with Rust and a C linker alone: it is what tells a fresh machine what else it needs, so it must
//! not depend on any crate that needs a system library.

mod bench;
mod demo;
mod dist;
mod ebpf;
mod fuzz;
mod lab;
mod setup;
mod shell;
mod test;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Set up, build, test and show the gateway.
#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    version,
    max_term_width = 100
)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Find what this machine lacks to build and run the gateway, and install it.
    ///
    /// As root on Debian the missing packages are installed with apt-get and the BPF linker with cargo, each command
    /// shown before it runs. Otherwise the exact commands are printed. Nothing missing: instant, nothing changes.
    Setup(setup::Arguments),
    /// Build the XDP program; the gateway's build embeds the same object.
    Ebpf,
    /// Format, lints, unit, property, model-checking and end-to-end tests; ends with `N passed, N failed, N skipped`.
    ///
    /// The output of each step is kept under target/xtask/test. Tests that need root, a kernel feature or exchange
    /// data (environment variable GATEWAY_TEST_DATA) say `skipped: why` where they lack it.
    Test(test::Arguments),
    /// Show the whole path on this machine: exchange, gateway and two strategies, in under a minute once built.
    ///
    /// As root: two network namespaces, a veth pair and the copy tier. Without root: the same inside a user namespace
    /// of one's own, with the socket tier. At the end a table reconciles what was sent with what was delivered and
    /// lost. Nothing stays behind.
    Demo(demo::Arguments),
    /// Run the gateway in QEMU guests with an SR-IOV network card: zero-copy, foreign drivers, hot-plug, failover.
    ///
    /// Needs root and Debian's archive among apt's sources; installs nothing. QEMU and the guests' kernels are downloaded
    /// once and kept under target/lab, as are the guests' logs. Ends with `N passed, N failed, N skipped`.
    Lab(lab::Arguments),
    /// Run every fuzz target for a while: executions, edges covered, and what broke a promise.
    ///
    /// Inputs worth keeping stay under target/fuzz/corpus, where the next run goes on from; what broke a promise under
    /// target/fuzz/findings. Ends with failure if anything did.
    Fuzz(fuzz::Arguments),
    /// Build a Debian package, a tarball, SHA256SUMS and a CycloneDX list of what went in, under target/dist.
    ///
    /// The package has the service, the simulated exchange, the client libraries for C and C++, systemd unit, configuration,
    /// manual pages and completions. The same commit, toolchain and path give the same bytes; SOURCE_DATE_EPOCH sets the
    /// time, DEBFULLNAME and DEBEMAIL the maintainer.
    Dist(dist::Arguments),
    /// Run the benchmarks; every argument goes to the bench binary (try `cargo xtask bench --help`).
    ///
    /// `cargo xtask bench instructions` counts the instructions of the hot path and compares them with
    /// bench/instructions.toml, as `cargo xtask test` does; with `--accept` it writes that file.
    #[command(disable_help_flag = true)]
    Bench {
        /// Arguments of the bench binary.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

fn main() -> ExitCode {
    let result = match Arguments::parse().task {
        Task::Setup(arguments) => setup::run(&arguments),
        Task::Ebpf => ebpf::run(),
        Task::Test(arguments) => test::run(&arguments),
        Task::Demo(arguments) => demo::run(&arguments),
        Task::Lab(arguments) => lab::run(&arguments),
        Task::Fuzz(arguments) => fuzz::run(&arguments),
        Task::Dist(arguments) => dist::run(&arguments),
        Task::Bench { arguments } => bench::run(&arguments),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
