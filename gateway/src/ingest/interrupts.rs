//! Where a receive queue's interrupt goes, and whether that suits the worker.

use super::Obstacle;
use super::netdev::Napi;

/// The CPUs that an interrupt may go to, as the kernel lists them (`0-3,8`); `None` where it does not tell.
#[must_use]
pub fn cpus(irq: u32) -> Option<String> {
    let text = std::fs::read_to_string(format!("/proc/irq/{irq}/smp_affinity_list")).ok()?;
    Some(text.trim().to_owned()).filter(|list| !list.is_empty())
}

/// Whether a list of CPUs such as `0-3,8` has this one, and how many it has; `None` where it makes no sense.
fn has(list: &str, cpu: usize) -> Option<(bool, usize)> {
    let (mut found, mut count) = (false, 0);
    for range in list.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (usize, usize) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        found |= (first..=last).contains(&cpu);
        count += (last.checked_sub(first)?).checked_add(1)?;
    }
    Some((found, count))
}

/// What is wrong with a queue's interrupt, for a worker that is pinned to `core` and busy-polls the queue or not.
///
/// With busy polling the interrupt should come to the worker's own core, where it finds the queue empty; without, it must
/// not, because the worker would keep it waiting (AF_XDP-example of bpf-examples; Firedancer pins it in either case).
#[must_use]
pub fn misplaced(
    queue: &str,
    irq: u32,
    cpus: &str,
    core: usize,
    busy_polled: bool,
) -> Option<Obstacle> {
    let (on_core, count) = has(cpus, core)?;
    let wants = |where_to: String| {
        format!(
            "bind it to {where_to}: `echo CPU > /proc/irq/{irq}/smp_affinity_list`, and keep irqbalance from it"
        )
    };
    match (busy_polled, on_core, count) {
        (true, true, 1) | (false, false, _) => None,
        (true, _, _) => Some(Obstacle::new(
            format!(
                "interrupt {irq} of queue {queue} may go to CPU {cpus}, and the worker polls it on {core}"
            ),
            wants(format!("CPU {core}")),
        )),
        (false, true, _) => Some(Obstacle::new(
            format!(
                "interrupt {irq} of queue {queue} may go to CPU {cpus}, and the worker spins on {core}"
            ),
            wants(format!("another CPU than {core}, on the same memory node")),
        )),
    }
}

/// What to do so that interrupts stay off while the worker polls; `None` where they do, or the kernel does not tell.
#[must_use]
pub fn not_deferred(interface: &str, queue: &str, napi: &Napi) -> Option<Obstacle> {
    (napi.defers_interrupts() == Some(false)).then(|| {
        Obstacle::new(
            format!(
                "queue {queue} is polled, and its interrupt comes all the same: gro_flush_timeout is {} ns, \
                 napi_defer_hard_irqs {}",
                napi.gro_flush_timeout_ns.unwrap_or_default(),
                napi.defer_hard_irqs.unwrap_or_default()
            ),
            format!(
                "`echo 200000 > /sys/class/net/{interface}/gro_flush_timeout; echo 100 > \
                 /sys/class/net/{interface}/napi_defer_hard_irqs`, after the start"
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn interrupts_by_place_and_polling() {
        for (cpus, core, busy_polled, says) in [
            ("2", 2, true, None),
            ("0-3", 2, true, Some("bind it to CPU 2")),
            ("0", 2, true, Some("bind it to CPU 2")),
            ("0", 2, false, None),
            ("0-1,3", 2, false, None),
            ("2", 2, false, Some("another CPU than 2")),
            ("0-3", 2, false, Some("another CPU than 2")),
            ("", 2, true, None),
            ("x", 2, true, None),
            ("3-0", 2, true, None),
            ("0-18446744073709551615", 2, true, None),
        ] {
            let found = misplaced("0", 45, cpus, core, busy_polled);
            assert_eq!(
                found.is_some(),
                says.is_some(),
                "{cpus} {core} {busy_polled}"
            );
            if let (Some(found), Some(says)) = (found, says) {
                assert!(found.remedy.contains(says), "{}", found.remedy);
                assert!(found.remedy.contains("/proc/irq/45/"), "{}", found.remedy);
            }
        }
    }

    #[test]
    fn deferring_needs_both_settings() {
        let napi = |defer, timeout| Napi {
            id: 1,
            irq: None,
            defer_hard_irqs: defer,
            gro_flush_timeout_ns: timeout,
        };
        for (napi, fine) in [
            (napi(Some(100), Some(200_000)), true),
            (napi(Some(0), Some(200_000)), false),
            (napi(Some(100), Some(0)), false),
            (napi(None, None), true),
        ] {
            let found = not_deferred("eth1", "0", &napi);
            assert_eq!(found.is_none(), fine, "{napi:?}");
            if let Some(found) = found {
                assert!(
                    found
                        .remedy
                        .contains("/sys/class/net/eth1/gro_flush_timeout")
                );
            }
        }
    }
}
