//! CME MDP 3.0: Globex futures and options over UDP, schema versions 5 to 13.
//!
//! `transport` is the packet, `sbe` the encoding, `schema` describes the templates, `encode` writes them, `directory` numbers
//! the instruments, `reports` has where each stands in its reports, `decoder` makes records, with `levels`, `book`, `trades`, `statistics` and `reference` for what each is
//! of, `definitions` takes those of the instrument feed, and `recovery` withholds what follows a loss until a snapshot makes up for it. Names are those of CME's client systems
//! wiki ("CME MDP 3.0 Market Data"); `docs/feeds/cme-mdp3.md` tabulates what becomes of each
//! message. All integers are little-endian, times are nanoseconds since the Unix epoch.

mod book;
mod classes;
pub mod decoder;
mod definitions;
mod directory;
pub mod encode;
#[cfg(any(test, feature = "harness"))]
pub mod harness;
mod levels;
mod recovery;
mod reference;
mod reports;
pub mod sbe;
pub mod schema;
mod statistics;
mod trades;
pub mod transport;

pub use classes::classes;
pub use decoder::{Mdp3Config, Mdp3ConfigError, Mdp3Decoder, SYMBOL_LIMITS};
pub use encode::MessageBuilder;
pub use recovery::{Mdp3Recoverer, Mdp3RecoveryConfig};
pub use transport::{Mdp3, PacketBuilder};
