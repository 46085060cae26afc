//! `gateway-sim probe`: the peer of `gateway doctor --probe`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gateway_sim::SimError;
use gateway_sim::transmit::{Outgoing, Transmit, UdpLine};
use gateway_wire::probe::Numbered;

use crate::arguments::Probe;
use crate::output::print_line;

/// Packets that are due within this time leave together.
const TICK: Duration = Duration::from_millis(1);

/// Sends until the count is reached, or a signal comes.
pub(crate) fn run(probe: &Probe, json: bool, stop: &AtomicBool) -> anyhow::Result<()> {
    let mut line = UdpLine::new(probe.destination, &probe.egress.egress())?;
    // Any two starts differ: the receiver must not take one for the other.
    let run = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos() as u64)
        ^ u64::from(std::process::id()) << 48;
    if !json {
        print_line(format_args!(
            "{} packets a second to {}, until {}",
            probe.rate,
            probe.destination,
            probe
                .count
                .map_or_else(|| "stopped".to_owned(), |count| format!("{count} are sent"))
        ))?;
    }
    let count = probe.count.unwrap_or(u64::MAX);
    let began = Instant::now();
    let mut sent = 0_u64;
    let mut failed = None;
    // Relaxed: the flag orders nothing.
    while sent < count && failed.is_none() && !stop.load(Ordering::Relaxed) {
        let due = (began.elapsed().as_secs_f64() * f64::from(probe.rate)) as u64 + 1;
        let packets: Vec<Outgoing> = (sent..due.min(count))
            .map(|number| packet(run, number, probe.bytes))
            .collect();
        let (gone, result) = line.send(&packets);
        sent += gone as u64;
        failed = result.err();
        std::thread::sleep(TICK);
    }
    let seconds = began.elapsed().as_secs_f64();
    if json {
        print_line(
            serde_json::json!({ "destination": probe.destination, "sent": sent, "seconds": seconds }),
        )?;
    } else {
        print_line(format_args!("{sent} packets sent in {seconds:.1} s"))?;
    }
    match failed {
        None => Ok(()),
        Some(source) => Err(SimError::Socket {
            destination: probe.destination,
            step: "send",
            source,
        }
        .into()),
    }
}

fn packet(run: u64, number: u64, bytes: u16) -> Outgoing {
    let mut payload = Numbered { run, number }.encode().to_vec();
    payload.resize(usize::from(bytes).max(payload.len()), 0);
    Outgoing {
        at_ns: 0,
        payload: payload.into(),
    }
}
