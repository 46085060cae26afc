//! What the gateway tells about itself.

mod books;
mod families;
pub mod histogram;
mod page;
pub mod table;

pub use families::render;
