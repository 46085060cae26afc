//! C and C++ programs, compiled as a strategy's build would.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};

use crate::programs::{Build, find_program, once, run};
use crate::sanitizer::Sanitizer;

/// A compiler of one of the two languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compiler {
    /// `gcc`, C11.
    Gcc,
    /// `clang`, C11.
    Clang,
    /// `g++`, C++17.
    Gxx,
    /// `clang++`, C++17.
    ClangXx,
}

/// How a program finds the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linking {
    /// `libgateway_client.so`.
    Shared,
    /// `libgateway_client.a`.
    Static,
}

impl Compiler {
    const fn command(self) -> &'static str {
        match self {
            Self::Gcc => "gcc",
            Self::Clang => "clang",
            Self::Gxx => "g++",
            Self::ClangXx => "clang++",
        }
    }

    pub(crate) const fn is_cpp(self) -> bool {
        matches!(self, Self::Gxx | Self::ClangXx)
    }

    /// The compiler with the flags that everything is compiled with.
    pub(crate) fn command_for(self, sanitizer: Sanitizer) -> Command {
        let mut command = Command::new(self.command());
        let standard = if self.is_cpp() {
            "-std=c++17"
        } else {
            "-std=c11"
        };
        command.args([standard, "-g", "-O1", "-pthread"]);
        command.args(["-Wall", "-Wextra", "-Werror", "-pedantic"]);
        command.args(sanitizer.flags());
        command
    }

    /// Whether it is installed; says `skipped: why` where it is not.
    pub fn is_there(self) -> bool {
        let found = find_program(self.command()).is_some();
        if !found {
            println!("skipped: no {}", self.command());
        }
        found
    }

    /// The folder with this language's examples.
    fn examples(self) -> PathBuf {
        let folder = if self.is_cpp() { "cpp" } else { "c" };
        client_c().join("examples").join(folder)
    }

    /// Compiles an example: `name`, with the further source files in its folder that belong to it.
    ///
    /// # Errors
    /// The compiler's messages: a warning is an error.
    pub fn example(self, name: &str, linking: Linking, sanitizer: Sanitizer) -> Result<PathBuf> {
        let extension = if self.is_cpp() { "cpp" } else { "c" };
        let mut sources = vec![self.examples().join(format!("{name}.{extension}"))];
        if name == "best_bid_ask" && !self.is_cpp() {
            sources.push(self.examples().join("book.c"));
        }
        self.compile(name, &sources, linking, sanitizer)
    }

    /// Compiles a program of the tests.
    ///
    /// # Errors
    /// The compiler's messages: a warning is an error.
    pub fn program(self, name: &str, linking: Linking, sanitizer: Sanitizer) -> Result<PathBuf> {
        let source = self.test_source(name);
        self.compile(name, &[source], linking, sanitizer)
    }

    /// Compiles a program of the tests with more `flags`, and links nothing.
    ///
    /// # Errors
    /// The compiler's messages: a warning is an error.
    pub fn compiles(self, name: &str, flags: &[&str]) -> Result<()> {
        let mut command = self.command_for(Sanitizer::None);
        command.arg("-I").arg(client_c().join("include"));
        command
            .args(flags)
            .arg("-fsyntax-only")
            .arg(self.test_source(name));
        run(&mut command)
    }

    fn test_source(self, name: &str) -> PathBuf {
        let extension = if self.is_cpp() { "cpp" } else { "c" };
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("programs");
        folder.join(format!("{name}.{extension}"))
    }

    /// Compiles `sources` into a program called `name`.
    fn compile(
        self,
        name: &str,
        sources: &[PathBuf],
        linking: Linking,
        sanitizer: Sanitizer,
    ) -> Result<PathBuf> {
        let library = library()?;
        let folder = library.join(format!("{}-{linking:?}-{sanitizer:?}", self.command()));
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {folder:?}"))?;
        let program = folder.join(name);
        // Under a name of its own until it is whole: another test may be running the one that is there.
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        // Relaxed: only the number counts, nothing is published by it.
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let unfinished = folder.join(format!("{name}.{}.{count}", std::process::id()));
        let mut command = self.command_for(sanitizer);
        command.arg("-I").arg(client_c().join("include"));
        command.args(sources).arg("-o").arg(&unfinished);
        match linking {
            Linking::Shared => {
                command.arg("-L").arg(library).arg("-lgateway_client");
                command.arg(format!("-Wl,-rpath,{}", library.display()));
            }
            Linking::Static => {
                command.arg(library.join("libgateway_client.a"));
                // What the Rust standard library in it needs.
                command.args([
                    "-lgcc_s",
                    "-lutil",
                    "-lrt",
                    "-lpthread",
                    "-lm",
                    "-ldl",
                    "-lc",
                ]);
            }
        }
        run(&mut command)?;
        fs::rename(&unfinished, &program).with_context(|| format!("cannot name {program:?}"))?;
        Ok(program)
    }
}

/// The crate of the C client.
pub fn client_c() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/gateway-client-c")
}

/// A folder with the library under the names by which programs find it.
fn library() -> Result<&'static Path> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let build = || -> Result<PathBuf> {
        let build = Build::of_this_test()?;
        build.cargo_build(&["--package", "gateway-client-c"])?;
        let folder = build.folder().join("clients");
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {folder:?}"))?;
        for (name, built) in [
            ("libgateway_client.a", "libgateway_client.a"),
            ("libgateway_client.so", "libgateway_client.so"),
            ("libgateway_client.so.0", "libgateway_client.so"),
        ] {
            let link = folder.join(name);
            // Of an earlier run, or not there.
            let _ = fs::remove_file(&link);
            std::os::unix::fs::symlink(build.folder().join(built), &link)
                .with_context(|| format!("cannot make {link:?}"))?;
        }
        Ok(folder)
    };
    once(&BUILT, build)
}
