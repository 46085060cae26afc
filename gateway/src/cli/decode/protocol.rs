//! The protocols that the command line names.

use std::sync::LazyLock;

use clap::ValueEnum;
use clap::builder::PossibleValue;

use crate::decode::Protocol;

/// What a file is to be read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProtocolChoice {
    /// What its packets or messages show it to be.
    Auto,
    /// This one.
    Named(Protocol),
}

impl ValueEnum for ProtocolChoice {
    fn value_variants<'a>() -> &'a [Self] {
        static CHOICES: LazyLock<Vec<ProtocolChoice>> = LazyLock::new(|| {
            let named = Protocol::ALL.into_iter().map(ProtocolChoice::Named);
            named.chain([ProtocolChoice::Auto]).collect()
        });
        &CHOICES
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Auto => PossibleValue::new("auto").help(
                "Whichever of these the first packets or messages fit to the last byte; refused where they fit several",
            ),
            Self::Named(protocol) => {
                PossibleValue::new(protocol.name()).help(protocol.description())
            }
        })
    }
}
