//! The examples for libvirt, by libvirt's own schema.

use std::process::Command;

use gateway_test_package::{output_of, root};

use crate::skip_without;

#[test]
fn libvirt_finds_its_examples_right() {
    skip_without!("virt-xml-validate", "xmllint");
    let mut count = 0;
    for entry in std::fs::read_dir(root().join("config/libvirt")).unwrap() {
        let path = entry.unwrap().path();
        output_of(Command::new("virt-xml-validate").arg(&path)).unwrap();
        count += 1;
    }
    assert!(count >= 2);
    // And the schema is one that finds mistakes.
    let wrong = tempfile::NamedTempFile::with_suffix(".xml").unwrap();
    std::fs::write(wrong.path(), "<network><forward mode='nowhere'/></network>").unwrap();
    let mut command = Command::new("virt-xml-validate");
    output_of(command.arg(wrong.path()).arg("network")).unwrap_err();
}
