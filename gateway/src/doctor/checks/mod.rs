//! The checks, a file for each subject. Numbers and ids never change.

mod clock;
mod cpu;
mod driver;
mod failover;
mod functions;
mod interrupts;
mod kernel;
mod losses;
mod memory;
mod multicast;
mod noise;
mod offloads;
mod paths;
mod probe;
mod queues;
mod xdp;

use super::Check;

/// Every check, in the order of their numbers.
pub const ALL: [Check; 38] = [
    xdp::FEATURES,
    xdp::RECEIVE_STAMP,
    xdp::SENDING,
    kernel::CONFIG,
    kernel::PRIVILEGES,
    kernel::BPF,
    xdp::OTHER_PROGRAM,
    driver::KNOWN_PROBLEMS,
    driver::KIND,
    functions::SETTINGS,
    multicast::FILTER,
    probe::MULTICAST,
    multicast::MEMBERSHIPS,
    multicast::SETTINGS,
    multicast::QUERIER,
    offloads::MERGING,
    offloads::VLAN,
    driver::MTU,
    queues::COUNT,
    queues::STEERING,
    queues::COALESCING,
    queues::RING,
    queues::PAUSE,
    queues::DEFERRAL,
    interrupts::AFFINITY,
    cpu::ISOLATION,
    cpu::SIBLINGS,
    cpu::IDLE,
    cpu::STOLEN,
    clock::SOURCE,
    clock::DISCIPLINE,
    clock::STAMPING,
    memory::NODE,
    memory::PAGES,
    noise::NOISE,
    losses::LOSSES,
    failover::STANDBY_PAIR,
    paths::ROUTES,
];

#[cfg(test)]
mod tests;
