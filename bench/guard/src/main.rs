//! `gateway-guard`: lists its cases, a name and a unit a line; `gateway-guard NAME` does the work of one once and prints
//! how many units it was.

use anyhow::{Context, Result};
use gateway_guard::cases::CASES;

fn main() -> Result<()> {
    let Some(name) = std::env::args().nth(1) else {
        for case in CASES {
            println!("{} {}", case.name, case.unit);
        }
        return Ok(());
    };
    let case = CASES
        .iter()
        .find(|case| case.name == name)
        .with_context(|| format!("no case {name}; without a name all of them are listed"))?;
    println!("{}", case.run()?);
    Ok(())
}
