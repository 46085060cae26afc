//! What the gateway tells about itself.

mod books;
mod families;
pub mod histogram;
mod host;
pub mod latency;
mod page;
pub mod table;
pub mod threads;
mod web;

pub use families::render;
