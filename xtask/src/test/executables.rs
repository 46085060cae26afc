//! The test programs that cargo built, run one by one.
//!
//! Cargo chooses the features of what it builds by the packages that it is asked for: asked for the tests of one package
//! after the other it would build the gateway anew for each. So all of them are built at once, and what cargo says of
//! them is kept.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::workspace;

/// A program with tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Executable {
    /// Package whose tests these are.
    pub(crate) package: String,
    /// Name of the target: a library's, a program's, or that of a file of tests.
    pub(crate) target: String,
    /// Where the package lies: tests run there.
    folder: PathBuf,
    path: PathBuf,
}

/// How a line begins that tells of something built; cargo has the reason first.
const ARTIFACT: &str = r#"{"reason":"compiler-artifact","#;

/// One of these lines, of those that cargo prints with `--message-format=json`.
#[derive(Deserialize)]
struct Message {
    manifest_path: Option<PathBuf>,
    target: Option<Target>,
    profile: Option<Profile>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

impl Executable {
    /// The command that runs its tests, told `arguments`.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.path);
        command
            .current_dir(&self.folder)
            .env("CARGO_MANIFEST_DIR", &self.folder)
            // What the tests start is built: they need not look.
            .env("GATEWAY_BINARIES", workspace::target().join("debug"))
            // A machine without a lab is a reason to skip.
            .env_remove("GATEWAY_LAB_MUST_RUN")
            .args(arguments);
        command
    }
}

/// What cargo built, by its messages, which other lines may stand between. Examples and benchmarks are none: their test
/// programs hold no tests.
pub(crate) fn found(output: &str) -> Result<Vec<Executable>> {
    let mut found = Vec::new();
    for line in output.lines().filter(|line| line.starts_with(ARTIFACT)) {
        let message: Message = serde_json::from_str(line)
            .with_context(|| format!("cannot read what cargo says it built: {line}"))?;
        let (Some(manifest), Some(target), Some(path)) =
            (message.manifest_path, message.target, message.executable)
        else {
            continue;
        };
        let tests = |kind: &String| kind != "example" && kind != "bench";
        if !message.profile.is_some_and(|profile| profile.test) || !target.kind.iter().any(tests) {
            continue;
        }
        let folder = manifest.parent().unwrap_or(Path::new("/")).to_owned();
        found.push(Executable {
            package: package(&manifest)?,
            target: target.name,
            folder,
            path,
        });
    }
    // In one order, whatever was built first.
    found.sort_by(|a, b| (&a.package, &a.target).cmp(&(&b.package, &b.target)));
    Ok(found)
}

/// The name in a package's manifest.
fn package(manifest: &Path) -> Result<String> {
    #[derive(Deserialize)]
    struct Manifest {
        package: Package,
    }
    #[derive(Deserialize)]
    struct Package {
        name: String,
    }
    let text = std::fs::read_to_string(manifest)
        .with_context(|| format!("cannot read {}", manifest.display()))?;
    let manifest: Manifest =
        toml::from_str(&text).with_context(|| format!("cannot read {}", manifest.display()))?;
    Ok(manifest.package.name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn programs_with_tests_are_found_among_what_cargo_prints() {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let line = |name: &str, kind: &str, test: bool, executable: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","package_id":"x","manifest_path":"{}","target":{{"kind":["{kind}"],"name":"{name}"}},"profile":{{"test":{test}}},"executable":{executable}}}"#,
                manifest.display()
            )
        };
        let output = [
            "   Compiling xtask v0.1.0".to_owned(),
            line("xtask", "bin", true, r#""/t/deps/xtask-1""#),
            line("xtask", "bin", false, r#""/t/xtask""#),
            line("b", "test", true, r#""/t/deps/b-1""#),
            line("shown", "example", true, r#""/t/deps/shown-1""#),
            line("library", "lib", false, "null"),
            r#"{"reason":"build-finished","success":true}"#.to_owned(),
            "{ no message".to_owned(),
        ]
        .join("\n");
        let found = found(&output).unwrap();
        let names: Vec<(&str, &str)> = found
            .iter()
            .map(|each| (each.package.as_str(), each.target.as_str()))
            .collect();
        assert_eq!(names, [("xtask", "b"), ("xtask", "xtask")]);
        let command = found[0].command(&["--show-output"]);
        assert_eq!(command.get_program(), "/t/deps/b-1");
        assert_eq!(command.get_current_dir(), manifest.parent());
    }

    #[test]
    fn a_line_about_something_built_that_cannot_be_read_is_an_error() {
        let cut = r#"{"reason":"compiler-artifact","package_id":"x","target":{"#;
        let error = found(cut).unwrap_err();
        assert!(format!("{error:#}").contains(cut), "{error:#}");
    }
}
