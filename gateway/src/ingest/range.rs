//! The ranges of a request's values.

use std::collections::HashSet;

use super::{IngestError, InterfaceRequest, Mode, Queues, Stream, Tier};

/// Refuses what no interface could do.
///
/// # Errors
///
/// [`IngestError::BadRequest`] with key and value.
pub(super) fn check(request: &InterfaceRequest) -> Result<(), IngestError> {
    let bad = |key, value: String, expected| {
        Err(IngestError::BadRequest {
            name: request.name.clone(),
            key,
            value,
            expected,
        })
    };
    if !request.rx_ring.is_power_of_two() || !(64..=32768).contains(&request.rx_ring) {
        return bad(
            "rx_ring",
            request.rx_ring.to_string(),
            "a power of two from 64 to 32768",
        );
    }
    if request.streams.is_empty() {
        return bad("streams", "empty".to_owned(), "at least one group and port");
    }
    let mut seen = HashSet::new();
    for Stream { group, port, .. } in &request.streams {
        if *port == 0 || !seen.insert((group, port)) {
            return bad(
                "streams",
                format!("{group}:{port}"),
                "each group and port once, and no port 0",
            );
        }
    }
    if let Queues::Only(queues) = &request.queues {
        let different: HashSet<_> = queues.iter().collect();
        if queues.is_empty() || different.len() != queues.len() {
            return bad(
                "queues",
                format!("{queues:?}"),
                "at least one receive queue, each once",
            );
        }
    }
    if let Mode::Exactly(Tier::Capture) = request.mode {
        return bad(
            "mode",
            Tier::Capture.to_string(),
            "auto, zero-copy, copy, skb or socket",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::{ErrorKind, ladder::open};

    #[test]
    fn requests_out_of_range_are_refused_with_key_and_value() {
        let stream = |port| Stream {
            group: [239, 0, 0, 1].into(),
            port,
            sources: vec![],
        };
        let good = InterfaceRequest::new("no-such-interface", vec![stream(1), stream(2)]);
        assert!(matches!(
            open(&good),
            Err(IngestError::InterfaceMissing { .. })
        ));
        for (request, key) in [
            (
                InterfaceRequest {
                    rx_ring: 1000,
                    ..good.clone()
                },
                "`rx_ring`",
            ),
            (
                InterfaceRequest {
                    rx_ring: 32,
                    ..good.clone()
                },
                "`rx_ring`",
            ),
            (
                InterfaceRequest {
                    streams: vec![],
                    ..good.clone()
                },
                "`streams`",
            ),
            (
                InterfaceRequest {
                    streams: vec![stream(0)],
                    ..good.clone()
                },
                "`streams`",
            ),
            (
                InterfaceRequest {
                    streams: vec![stream(1), stream(1)],
                    ..good.clone()
                },
                "239.0.0.1:1",
            ),
            (
                InterfaceRequest {
                    queues: Queues::Only(vec![]),
                    ..good.clone()
                },
                "`queues`",
            ),
            (
                InterfaceRequest {
                    queues: Queues::Only(vec![1, 1]),
                    ..good.clone()
                },
                "[1, 1]",
            ),
            (
                InterfaceRequest {
                    mode: Mode::Exactly(Tier::Capture),
                    ..good.clone()
                },
                "`mode`",
            ),
        ] {
            match open(&request) {
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::InterfaceUnusable);
                    assert!(error.to_string().contains(key), "{error}");
                }
                Ok(_) => panic!("{key} accepted"),
            }
        }
    }
}
