//! What a programmer gets: a program in C is built and linked with nothing but the package's files.

use std::process::Command;

use gateway_test_package::{Dist, output_of};

use crate::{skip_without, skip_without_packaging};

#[test]
fn a_program_in_c_is_built_by_pkg_config_and_loads_the_library_by_its_name() {
    skip_without_packaging!();
    skip_without!("cc", "pkg-config", "readelf");
    let place = Dist::of_this_build().unwrap().unpacked().unwrap();
    let multiarch = output_of(Command::new("dpkg-architecture").arg("-qDEB_HOST_MULTIARCH"));
    let library = place.path().join("usr/lib").join(multiarch.unwrap().trim());
    let mut command = Command::new("pkg-config");
    command
        .env("PKG_CONFIG_PATH", library.join("pkgconfig"))
        .env("PKG_CONFIG_SYSROOT_DIR", place.path())
        .env("PKG_CONFIG_ALLOW_SYSTEM_CFLAGS", "1")
        .env("PKG_CONFIG_ALLOW_SYSTEM_LIBS", "1");
    let flags = output_of(command.args(["--cflags", "--libs", "gateway-client"])).unwrap();
    let flags: Vec<&str> = flags.split_whitespace().collect();

    let work = tempfile::tempdir().unwrap();
    let source = work.path().join("version.c");
    std::fs::write(
        &source,
        "#include <gateway.h>\n#include <stdio.h>\n\
         int main(void) { printf(\"%u\\n\", (unsigned)gateway_client_abi_version()); return 0; }\n",
    )
    .unwrap();
    let program = work.path().join("version");
    let mut command = Command::new("cc");
    command.arg("-o").arg(&program).arg(&source).args(&flags);
    output_of(&mut command).unwrap();
    let needs = output_of(Command::new("readelf").arg("-d").arg(&program)).unwrap();
    assert!(needs.contains("[libgateway_client.so.0]"), "{needs}");
    let said = output_of(Command::new(&program).env("LD_LIBRARY_PATH", &library)).unwrap();
    assert!(said.trim().parse::<u32>().is_ok(), "{said}");

    // The other library, linked in whole.
    let mut command = Command::new("cc");
    command.arg("-o").arg(&program).arg(&source);
    command.args(flags.iter().filter(|flag| flag.starts_with("-I")));
    command.arg(library.join("libgateway_client.a"));
    command.args(["-lpthread", "-ldl", "-lm", "-lgcc_s"]);
    output_of(&mut command).unwrap();
    let alone = output_of(&mut Command::new(&program)).unwrap();
    assert_eq!(alone, said);
}
