//! `gateway.h` as it has to be: what cbindgen makes of the sources, and every record's layout as the compiler has it.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::record::LAYOUTS;

const BEGINNING: &str = "\
/* gateway.h: the C interface of libgateway_client.
 *
 * Generated from the sources of crates/gateway-client-c; not to be edited. To make it anew:
 *
 *     GATEWAY_WRITE_HEADER=1 cargo test -p gateway-client-c header
 *
 * docs/clients.md tells how to link, wait, and treat losses and restarts.
 */
#ifndef GATEWAY_H
#define GATEWAY_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

";

const INLINE: &str = "
/* The message of a native record, as the exchange sent it: `record->message_length` bytes. */
static inline const uint8_t *gateway_native_message(const gateway_native *record) {
    return (const uint8_t *)record + sizeof(gateway_native);
}
";

fn crate_folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn committed() -> PathBuf {
    crate_folder().join("include/gateway.h")
}

fn generated() -> Result<String, Box<dyn std::error::Error>> {
    let config = cbindgen::Config::from_file(crate_folder().join("cbindgen.toml"))?;
    // It follows the modules by itself.
    let builder = cbindgen::Builder::new()
        .with_config(config)
        .with_src(crate_folder().join("src/lib.rs"));
    let mut interface = Vec::new();
    builder.generate()?.write(&mut interface);

    let mut text = String::from(BEGINNING);
    text.push_str(&without_safety(&String::from_utf8(interface)?));
    text.push_str(INLINE);
    text.push_str("\n/* The records have the layout of DBN version 3, and a poll writes what this header describes. */\n");
    for layout in &LAYOUTS {
        let (name, bytes) = (layout.name, layout.bytes);
        writeln!(
            text,
            "static_assert(sizeof({name}) == {bytes}, \"{name}\");"
        )?;
        for (field, offset) in layout.fields {
            writeln!(
                text,
                "static_assert(offsetof({name}, {field}) == {offset}, \"{name}.{field}\");"
            )?;
        }
    }
    let event = size_of::<crate::gateway_event>();
    writeln!(
        text,
        "static_assert(sizeof(gateway_event) == {event}, \"gateway_event\");"
    )?;
    text.push_str("\n#endif /* GATEWAY_H */\n");
    Ok(text)
}

/// The heading of a section that Rust's documentation wants and C's does not know.
fn without_safety(text: &str) -> String {
    let lines = text.lines().map(|line| {
        if line.trim() == "// # Safety" {
            "// What the caller must see to:"
        } else {
            line
        }
    });
    let mut text = lines.collect::<Vec<_>>().join("\n");
    text.push('\n');
    text
}

#[test]
fn the_header_is_that_of_the_sources() -> Result<(), Box<dyn std::error::Error>> {
    let generated = generated()?;
    if std::env::var_os("GATEWAY_WRITE_HEADER").is_some() {
        std::fs::write(committed(), &generated)?;
    }
    let committed = std::fs::read_to_string(committed())?;
    let same = committed
        .lines()
        .zip(generated.lines())
        .position(|(committed, generated)| committed != generated);
    assert!(
        committed == generated,
        "include/gateway.h differs from the sources, first in line {:?}; make it anew: \
         GATEWAY_WRITE_HEADER=1 cargo test -p gateway-client-c header",
        same.map(|index| index + 1)
    );
    Ok(())
}
