//! What the gateway tells about itself.

mod families;
pub mod histogram;

pub use families::render;
