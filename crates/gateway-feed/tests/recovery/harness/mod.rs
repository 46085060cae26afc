//! The whole of recovery under any schedule, and an oracle that saw the lossless stream.
//!
//! Used by the tests beside it and by the fuzz target `recovery`: it needs the simulated exchange, which needs this
//! crate, and so cannot be part of it.

pub(crate) mod book;
pub(crate) mod exchange;
pub(crate) mod fetch;
pub(crate) mod oracle;
pub(crate) mod script;
pub(crate) mod sink;
pub(crate) mod world;

use script::Script;
use world::World;

/// Plays a schedule and judges the run; panics where a promise is broken.
pub(crate) fn run(script: &Script) -> World {
    let mut world = World::new(script.read_setup());
    world.play(script);
    oracle::judge(&mut world);
    world
}
