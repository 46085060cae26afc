//! What the gateway tells about itself.

mod books;
mod families;
pub mod histogram;
mod page;
pub mod table;
mod web;

pub use families::render;
