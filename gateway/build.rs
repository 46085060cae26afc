//! Builds the XDP program and puts its object where `ingest::object` embeds it from.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    match embed() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn embed() -> Result<(), Box<dyn std::error::Error>> {
    for source in gateway_ebpf_builder::sources() {
        println!("cargo::rerun-if-changed={}", source.display());
    }
    println!(
        "cargo::rerun-if-env-changed={}",
        gateway_ebpf_builder::TOOLCHAIN_VARIABLE
    );
    let out_dir =
        PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR for a build script")?);
    let detection = gateway_ebpf_builder::detect();
    println!("{}", detection.summary());
    let object = gateway_ebpf_builder::build(&detection, &shared_folder(&out_dir))?;
    std::fs::copy(object, out_dir.join("gateway-ebpf"))?;
    Ok(())
}

/// A folder for the nested build that all profiles share: `bpf` in the target folder, whose `<profile>/build/<name>`
/// holds `out_dir`. Where cargo lays its folders out in another way, a folder in `out_dir` itself.
fn shared_folder(out_dir: &Path) -> PathBuf {
    let build = out_dir.ancestors().find(|folder| folder.ends_with("build"));
    match build.and_then(Path::parent).and_then(Path::parent) {
        Some(target) => target.join("bpf"),
        None => out_dir.join("bpf"),
    }
}
