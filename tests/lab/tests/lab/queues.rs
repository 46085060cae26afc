//! Lines that the card spreads over its receive queues.

use anyhow::{Result, bail, ensure};
use gateway_lab::topology::VIRTUAL;

use crate::config::Config;
use crate::guest::Guest;
use crate::options::Set::Whole;
use crate::tiers::reconciles;
use crate::{Case, Kernels};

/// Each time the two lines take different queues with a probability of one half: their hash depends on the senders' ports.
const TRIES: u32 = 12;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "lines_on_different_queues_of_one_worker_are_one_channel",
            Whole,
            Kernels::Any,
            different_queues,
        ),
        Case::new(
            "a_line_on_an_input_of_another_worker_is_refused",
            Whole,
            Kernels::Any,
            different_workers,
        ),
    ]
}

fn different_queues(guest: &mut Guest) -> Result<()> {
    guest.virtual_function()?;
    let config = Config::new("vf0", "mode = \"auto\"\nlowest_tier = \"copy\"");
    for _ in 0..TRIES {
        let gateway = guest.gateway(&config)?;
        let status = guest.status()?;
        let tier = status["interfaces"][0]["tier"].as_str().unwrap_or_default();
        reconciles(guest, &VIRTUAL, &config, tier)?;
        let metrics = guest.metrics()?;
        let of = |name, label| metrics.sum(name, &[label]).unwrap_or_default() as u64;
        let queues = ["0", "1"].map(|queue| of("gateway_rx_packets_total", ("queue", queue)));
        let lines = ["A", "B"].map(|line| of("gateway_group_packets_total", ("line", line)));
        guest.stop(gateway)?;
        if queues.iter().all(|&packets| packets > 0) {
            ensure!(
                queues == lines || queues == [lines[1], lines[0]],
                "each line has a queue of its own, or none: queues {queues:?}, lines {lines:?}"
            );
            return Ok(());
        }
    }
    bail!("{TRIES} times both lines came on one queue")
}

fn different_workers(guest: &mut Guest) -> Result<()> {
    let config = Config::new("vf0", "");
    let text = config
        .to_toml()
        .replace("port = 26400 },\n]", "port = 26400, input = \"pf0\" },\n]")
        + "\n[[interface]]\nname = \"pf0\"\n\n[[worker]]\nname = \"other\"\ninputs = [\"pf0\"]\n";
    guest.machine.agent.write("/tmp/two.toml", &text)?;
    let ended = guest.machine.agent.run(
        "/guest/bin/gateway check -c /tmp/two.toml",
        crate::guest::LIMIT,
    )?;
    let said = ended.stdout + &ended.stderr;
    ensure!(
        ended.code == Some(3),
        "ended with {:?}:\n{said}",
        ended.code
    );
    ensure!(
        said.contains("the channel's worker does not poll this input"),
        "{said}"
    );
    Ok(())
}
