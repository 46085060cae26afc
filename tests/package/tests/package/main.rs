//! The package: what is in it, whether it is right, and what it leaves behind.
#![allow(clippy::unwrap_used)]

mod contents;
mod development;
mod installation;
mod libvirt;
mod manual;
mod reproducible;
mod unit;

/// Ends a test where the machine lacks what it needs, saying so.
macro_rules! skip_without {
    ($($program:expr),+ $(,)?) => {
        if let Some(why) = gateway_test_package::lacks(&[$($program),+]) {
            println!("skipped: {why}");
            return;
        }
    };
}
/// The same, of all that a package needs to be built.
macro_rules! skip_without_packaging {
    () => {
        if let Some(why) = gateway_test_package::lacks(&gateway_test_package::PACKAGING) {
            println!("skipped: {why}");
            return;
        }
    };
}
pub(crate) use {skip_without, skip_without_packaging};
