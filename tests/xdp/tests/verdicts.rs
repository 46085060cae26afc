//! The fixtures through the loaded program: what it returns, counts and puts in front of the packet.
#![allow(clippy::unwrap_used, missing_docs)]

use gateway_test_xdp::fixtures::{all, bytes, ours};
use gateway_test_xdp::kernel::{XDP_PASS, XDP_REDIRECT, info, load, run};
use gateway_test_xdp::namespace::{index, with_veth};
use gateway_test_xdp::socket::XdpSocket;
use gateway_wire::shared::{Action, Note, PROGRAM, Verdict};

/// Nanoseconds of `CLOCK_MONOTONIC`.
fn monotonic_ns() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` lives through the call.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    assert_eq!(result, 0);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

#[test]
fn with_a_socket_each_fixture_gets_its_verdict_counter_and_metadata() {
    with_veth(|| {
        let Some(mut program) = load() else { return };
        let socket = XdpSocket::bind(index("feed1"), 0);
        program.insert_socket(0, &socket).unwrap();
        for fixture in all() {
            let before = monotonic_ns();
            let outcome = run(&program, &fixture.frame, 0);
            let name = fixture.name;
            let counted: Vec<_> = [Some(fixture.verdict.name()), fixture.note.map(Note::name)]
                .into_iter()
                .flatten()
                .collect();
            assert_eq!(outcome.counted, counted, "{name}");
            assert_eq!(outcome.packet, fixture.frame, "{name}");
            match fixture.verdict.action() {
                Action::Redirect => {
                    assert_eq!(outcome.action, XDP_REDIRECT, "{name}");
                    assert_eq!(outcome.front.len(), 16, "{name}");
                    let metadata = outcome.metadata().unwrap();
                    let stamp = metadata.hook_ns().unwrap();
                    assert!(
                        (before..=monotonic_ns()).contains(&stamp),
                        "{name}: {metadata:?}"
                    );
                    assert!(!metadata.has_card_stamp(), "{name}");
                }
                Action::Pass => {
                    assert_eq!(outcome.action, XDP_PASS, "{name}");
                    assert!(outcome.front.is_empty(), "{name}");
                }
            }
        }
    });
}

#[test]
fn without_a_socket_all_goes_to_the_kernel_untouched() {
    with_veth(|| {
        let Some(program) = load() else { return };
        for fixture in all() {
            let outcome = run(&program, &fixture.frame, 0);
            let verdict = match fixture.verdict {
                Verdict::Redirected => Verdict::NoSocket,
                other => other,
            };
            assert_eq!(outcome.counted, [verdict.name()], "{}", fixture.name);
            assert_eq!(outcome.action, XDP_PASS, "{}", fixture.name);
            assert_eq!(outcome.packet, fixture.frame, "{}", fixture.name);
            assert!(outcome.front.is_empty(), "{}", fixture.name);
        }
    });
}

#[test]
fn the_socket_of_another_queue_is_no_socket() {
    with_veth(|| {
        let Some(mut program) = load() else { return };
        let socket = XdpSocket::bind(index("feed1"), 1);
        program.insert_socket(1, &socket).unwrap();
        assert_eq!(run(&program, &bytes(ours()), 0).counted, ["no_socket"]);
        assert!(
            program.insert_socket(2, &socket).is_err(),
            "the program was loaded for two queues"
        );
    });
}

#[test]
fn a_removed_or_closed_socket_is_no_socket() {
    with_veth(|| {
        let Some(mut program) = load() else { return };
        let frame = bytes(ours());
        let socket = XdpSocket::bind(index("feed1"), 0);
        program.insert_socket(0, &socket).unwrap();
        assert_eq!(run(&program, &frame, 0).counted, ["redirected"]);
        program.remove_socket(0).unwrap();
        assert_eq!(run(&program, &frame, 0).counted, ["no_socket"]);
        program.insert_socket(0, &socket).unwrap();
        assert_eq!(run(&program, &frame, 0).counted, ["redirected"]);
        drop(socket);
        assert_eq!(run(&program, &frame, 0).counted, ["no_socket"]);
    });
}

#[test]
fn a_packet_without_room_for_metadata_comes_all_the_same() {
    with_veth(|| {
        let Some(mut program) = load() else { return };
        let socket = XdpSocket::bind(index("feed1"), 0);
        program.insert_socket(0, &socket).unwrap();
        // 208 of the 256 bytes of headroom are taken, and the kernel keeps 40 for itself: 16 more do not fit.
        let outcome = run(&program, &bytes(ours()), 208);
        assert_eq!(outcome.action, XDP_REDIRECT);
        assert_eq!(outcome.counted, ["redirected", "no_metadata"]);
        assert_eq!((outcome.front.len(), outcome.metadata()), (208, None));
        assert_eq!(outcome.packet, bytes(ours()));
    });
}

#[test]
fn the_program_in_the_kernel_has_its_name_its_types_and_its_lines() {
    with_veth(|| {
        let Some(program) = load() else { return };
        let info = info(&program);
        let name: Vec<u8> = info
            .name
            .iter()
            .take_while(|byte| **byte != 0)
            .map(|byte| *byte as u8)
            .collect();
        assert_eq!(name, PROGRAM.as_bytes());
        assert_ne!(info.btf_id, 0, "no BTF");
        assert_ne!(info.nr_func_info, 0, "no function types");
        assert_ne!(info.nr_line_info, 0, "no line numbers");
    });
}
