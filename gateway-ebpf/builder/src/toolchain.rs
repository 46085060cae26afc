//! What detection tells: a complete toolchain, or the pieces to install.

use std::fmt;
use std::path::PathBuf;

/// Environment variable that chooses between two complete toolchains: `prebuilt` or `nightly`.
pub const TOOLCHAIN_VARIABLE: &str = "GATEWAY_BPF_TOOLCHAIN";

/// A way to get `core` for BPF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// The compiler's package brings it.
    Prebuilt,
    /// rustup's nightly toolchain builds it from source.
    Nightly,
}

impl Route {
    /// Both, in the order of preference where nobody chooses: a prebuilt `core` is quicker and changes less often.
    pub const ALL: [Self; 2] = [Self::Prebuilt, Self::Nightly];

    /// Its name, as [`TOOLCHAIN_VARIABLE`] takes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Prebuilt => "prebuilt",
            Self::Nightly => "nightly",
        }
    }
}

/// A complete toolchain for BPF.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toolchain {
    /// Where its `core` comes from.
    pub route: Route,
    /// The compiler, as `rustc --version` names it.
    pub compiler: String,
    /// Version of the LLVM in the compiler, `22.1.8`; the linker's must not be older.
    pub llvm: String,
    /// `cargo` for [`Route::Prebuilt`], `rustup` for [`Route::Nightly`].
    pub(crate) driver: PathBuf,
    /// The linker's path.
    pub linker: PathBuf,
    /// The linker, as `bpf-linker --version` names it.
    pub linker_version: String,
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let core = match self.route {
            Route::Prebuilt => "its prebuilt core for BPF",
            Route::Nightly => "core built from rust-src",
        };
        write!(
            f,
            "{} (LLVM {}) with {core}, {}",
            self.compiler, self.llvm, self.linker_version
        )
    }
}

/// What kind of piece is missing, for those who install it in their own way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// A compiler with a `core` for BPF, or a part of it.
    Compiler,
    /// `bpf-linker`.
    BpfLinker,
    /// The linker of the build machine.
    HostLinker,
}

/// A piece that has to be installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Which kind of piece.
    pub piece: Piece,
    /// What it is.
    pub what: &'static str,
    /// What it is needed for.
    pub why: &'static str,
    /// The shell command that installs it; the apt-get ones need root.
    pub install_command: &'static str,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ({})\n    {}",
            self.what, self.why, self.install_command
        )
    }
}

/// What [`detect`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Detection {
    /// The toolchain to build with; `None` if none is complete.
    pub usable: Option<Toolchain>,
    /// The other one, if it is complete too; [`TOOLCHAIN_VARIABLE`] chooses it.
    pub other: Option<Toolchain>,
    /// With no usable toolchain: the pieces that make one complete, in the order to install them.
    pub missing: Vec<Missing>,
    /// With no usable toolchain: what the other way would need instead.
    pub alternative: Vec<Missing>,
}

impl Detection {
    /// One line that says what was chosen, or that nothing could be.
    #[must_use]
    pub fn summary(&self) -> String {
        match (&self.usable, &self.other) {
            (Some(usable), None) => format!("XDP program: {usable}"),
            (Some(usable), Some(other)) => format!(
                "XDP program: {usable} ({TOOLCHAIN_VARIABLE}={} chooses {} instead)",
                other.route.name(),
                other.compiler
            ),
            (None, _) => format!(
                "XDP program: no toolchain can build it, {} missing",
                self.missing.len()
            ),
        }
    }
}

impl fmt::Display for Detection {
    /// The summary, and each missing piece with its command.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.summary())?;
        for missing in &self.missing {
            write!(f, "\n  missing: {missing}")?;
        }
        if !self.alternative.is_empty() {
            f.write_str("\n  or, the other way:")?;
            for missing in &self.alternative {
                write!(f, "\n  missing: {missing}")?;
            }
        }
        Ok(())
    }
}
