//! Over real sockets, in a network namespace of its own: what is received is what the report says.
//!
//! Each test runs itself once more inside `unshare`, so that nothing reaches the machine's network.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gateway_capture::{CaptureReader, LinkType, PcapWriter};
use gateway_feed::moldudp64::{Packet, PacketKind, Session};
use gateway_sim::clock::{Pace, RealClock};
use gateway_sim::flow::{FlowOptions, OrderFlow};
use gateway_sim::impairment::Impairments;
use gateway_sim::inject::inject;
use gateway_sim::packetiser::{Framing, PackOptions};
use gateway_sim::publisher::{Line, PublishOptions, publish};
use gateway_sim::transmit::{BATCH_MAX, Egress, PacketSocket, UdpLine};
use gateway_wire::build::{UdpFrame, Vlan};
use socket2::{Domain, Protocol, Socket, Type};

const INSIDE: &str = "GATEWAY_SIM_TEST_INSIDE";

/// Whether this is the process inside the namespace, prepared by the shell commands `prepare`. Outside, starts it and
/// checks how it ends; says so where namespaces cannot be made.
fn inside(test: &str, prepare: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let unshare = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--net", "sh", "-ec", script]);
        command
    };
    let prepared = unshare(prepare).output();
    match prepared {
        Ok(output) if output.status.success() => {}
        Ok(output) => {
            println!(
                "skipped: no network namespace: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            );
            return false;
        }
        Err(error) => {
            println!("skipped: no unshare: {error}");
            return false;
        }
    }
    let output = unshare(&format!(
        "{prepare}\nexec \"$0\" --exact {test} --nocapture"
    ))
    .arg(std::env::current_exe().unwrap())
    .env(INSIDE, "1")
    .output()
    .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(text.contains("1 passed"), "{text}");
    false
}

fn join(group: Ipv4Addr, port: u16) -> UdpSocket {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
    socket.set_recv_buffer_size(4 << 20).unwrap();
    socket.bind(&SocketAddrV4::new(group, port).into()).unwrap();
    // The only interface up is loopback, whose index is 1 in every namespace.
    socket
        .join_multicast_v4_n(&group, &socket2::InterfaceIndexOrAddress::Index(1))
        .unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    socket.into()
}

#[derive(Default)]
struct Seen {
    datagrams: u64,
    data: u64,
    heartbeats: u64,
    ends: u64,
    sequences: BTreeSet<u64>,
}

/// Receives until nothing follows the session's end any more.
fn receive(socket: &UdpSocket) -> Seen {
    let mut seen = Seen::default();
    let mut buffer = [0; 2048];
    loop {
        let length = match socket.recv(&mut buffer) {
            Ok(length) => length,
            Err(error) if seen.ends > 0 && error.kind() == io::ErrorKind::WouldBlock => {
                return seen;
            }
            Err(error) => panic!("no packet within the time: {error}"),
        };
        seen.datagrams += 1;
        let packet = Packet::parse(&buffer[..length]).unwrap();
        match packet.kind {
            PacketKind::Heartbeat => seen.heartbeats += 1,
            PacketKind::EndOfSession => {
                seen.ends += 1;
                socket
                    .set_read_timeout(Some(Duration::from_millis(500)))
                    .unwrap();
            }
            PacketKind::Data { count } => {
                seen.data += 1;
                seen.sequences
                    .extend(packet.sequence..packet.sequence + u64::from(count));
            }
        }
    }
}

#[test]
fn multicast_receivers_count_what_the_report_says() {
    if !inside(
        "multicast_receivers_count_what_the_report_says",
        "ip link set lo up",
    ) {
        return;
    }
    let destinations = [
        SocketAddrV4::new([239, 1, 1, 1].into(), 5001),
        SocketAddrV4::new([239, 1, 1, 2].into(), 5002),
    ];
    let receivers = destinations.map(|destination| {
        let socket = join(*destination.ip(), destination.port());
        std::thread::spawn(move || receive(&socket))
    });
    let impairments = Impairments {
        loss: 0.05,
        duplicate: 0.05,
        reorder: 0.05,
        ..Impairments::default()
    };
    let lines = destinations
        .iter()
        .zip(["A", "B"])
        .map(|(destination, name)| Line {
            name: name.to_owned(),
            destination: *destination,
            impairments,
            transmit: Box::new(UdpLine::new(*destination, &Egress::default()).unwrap()),
        });
    let options = PublishOptions {
        pack: PackOptions {
            framing: Framing::MoldUdp64,
            session: Session(*b"TEST      "),
            first_sequence: 1,
            messages_max: 4,
            mtu: 1500,
            window_ns: None,
        },
        pace: Pace::Rate {
            messages_per_s: 20_000.0,
        },
        heartbeat_ns: Some(1_000_000_000),
        end_of_session: true,
        seed: 3,
        batch: BATCH_MAX,
    };
    let mut flow = OrderFlow::new(FlowOptions {
        messages: 6_000,
        ..FlowOptions::default()
    });
    let stop = AtomicBool::new(false);
    let (report, error) = publish(
        &mut flow,
        lines.collect(),
        options,
        &mut RealClock::new(&stop),
        &mut |_| (),
    );
    assert!(error.is_none(), "{error:?}");
    assert!(
        report.elapsed_s > 0.25,
        "6,000 messages at 20,000 a second take 0.3 s, not {}",
        report.elapsed_s
    );

    let seen = receivers.map(|receiver| receiver.join().unwrap());
    for (seen, line) in seen.iter().zip(report.lines.values()) {
        let counts = &line.counts;
        assert_eq!(seen.data, counts.packets_sent + counts.duplicated);
        assert_eq!(seen.datagrams, seen.data + seen.heartbeats + seen.ends);
        assert_eq!(
            seen.heartbeats,
            counts.heartbeats.sent + counts.heartbeats.duplicated
        );
        assert_eq!(
            seen.ends,
            counts.end_of_session.sent + counts.end_of_session.duplicated
        );
        assert_eq!(seen.sequences.len() as u64, counts.messages_sent);
        assert!(
            counts.packets_dropped > 30 && counts.duplicated > 30 && counts.reordered > 30,
            "{counts:?}"
        );
        for (first, last) in counts.dropped.runs() {
            assert!((*first..=*last).all(|sequence| !seen.sequences.contains(&sequence)));
        }
    }
    let either = seen[0].sequences.union(&seen[1].sequences).count() as u64;
    assert_eq!(either + report.lost_on_both.messages(), report.messages);
}

#[test]
fn a_stopped_publisher_ends_the_session_and_reports() {
    if !inside(
        "a_stopped_publisher_ends_the_session_and_reports",
        "ip link set lo up",
    ) {
        return;
    }
    let destination = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 5003);
    let socket = UdpSocket::bind(destination).unwrap();
    let receiver = std::thread::spawn(move || receive(&socket));
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway-sim"))
        .args([
            "generate",
            "--messages",
            "0",
            "--pace",
            "rate=1000",
            "--line-a",
            "127.0.0.1:5003",
        ])
        .args(["--end-of-session", "--heartbeat-ms", "50", "--json"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(500));
    let pid = rustix::process::Pid::from_child(&command);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let mut text = String::new();
    command
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert!(command.wait().unwrap().success());
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    let seen = receiver.join().unwrap();
    assert_eq!(report["interrupted"], true);
    assert_eq!(report["messages"], seen.sequences.len() as u64);
    assert!(seen.sequences.len() > 100);
}

/// Shows `sniffer` only what arrives, at veth1, and not what leaves veth0.
fn ignore_outgoing(sniffer: &Socket) {
    let on: libc::c_int = 1;
    // SAFETY: the option's value is an int that lives through the call, and its length is given.
    let result = unsafe {
        libc::setsockopt(
            sniffer.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_IGNORE_OUTGOING,
            (&raw const on).cast(),
            size_of_val(&on) as libc::socklen_t,
        )
    };
    assert_eq!(result, 0, "{}", io::Error::last_os_error());
}

#[test]
fn frames_are_injected_byte_for_byte() {
    // A link that is up carries nothing until the kernel has noticed its carrier, which it does at leisure: what is sent
    // before is dropped without a word.
    let prepare = "ip link add veth0 type veth peer name veth1; ip link set veth0 up; ip link set veth1 up; \
                   for _ in $(seq 100); do ip link show veth0 | grep -q 'state UP' && break; sleep 0.05; done";
    if !inside("frames_are_injected_byte_for_byte", prepare) {
        return;
    }
    let payload = [7; 100];
    let frame = |frame: UdpFrame<'_>| {
        let mut bytes = vec![0; frame.len()];
        frame.write(&mut bytes).unwrap();
        bytes
    };
    let good = UdpFrame {
        payload: &payload,
        ..UdpFrame::default()
    };
    let plain = frame(good);
    let mut wrong_checksum = plain.clone();
    wrong_checksum[40] ^= 0x55;
    let mut trailer = plain.clone();
    trailer.extend([1, 2, 3, 4]);
    let tagged = frame(UdpFrame {
        vlans: &[Vlan::customer(141)],
        ..good
    });
    let unicast = frame(UdpFrame {
        destination: [10, 0, 0, 2],
        ..good
    });
    let oversize = frame(UdpFrame {
        payload: &[9; 2000],
        ..good
    });
    let mut writer = PcapWriter::new(Vec::new(), LinkType::Ethernet).unwrap();
    for frame in [
        &plain,
        &wrong_checksum,
        &unicast,
        &trailer,
        &oversize,
        &tagged,
        &plain,
    ] {
        writer.write(1, frame).unwrap();
    }
    let file = writer.finish().unwrap();

    let all = Protocol::from(i32::from(0x0003_u16.to_be()));
    let mut sniffer = Socket::new(Domain::PACKET, Type::RAW, Some(all)).unwrap();
    ignore_outgoing(&sniffer);
    sniffer
        .set_read_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    let mut reader = CaptureReader::from_reader("test", file.as_slice()).unwrap();
    let mut socket = PacketSocket::open("veth0").unwrap();
    let stop = AtomicBool::new(false);
    let (report, error) = inject(
        &mut reader,
        &mut socket,
        Pace::Asap,
        false,
        &mut RealClock::new(&stop),
    );
    assert!(error.is_none(), "{error:?}");
    assert_eq!(
        (
            report.frames,
            report.frames_sent,
            report.not_multicast,
            report.too_long
        ),
        (7, 5, 1, 1)
    );

    let mut received = Vec::new();
    let mut buffer = [0; 4096];
    let patience = Instant::now() + Duration::from_secs(5);
    loop {
        match sniffer.read(&mut buffer) {
            // The simulator's own frames: the namespace also talks IPv6 about itself.
            Ok(length) if buffer[6..12] == [0x02, 0, 0, 0, 0, 1] => {
                received.push(buffer[..length].to_vec())
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if received.len() >= 5 || Instant::now() > patience {
                    break;
                }
            }
            Err(error) => panic!("{error}"),
        }
    }
    // The kernel takes the tag off before it shows a frame to a packet socket.
    let untagged = [&tagged[..12], &tagged[16..]].concat();
    assert_eq!(
        received,
        [plain.clone(), wrong_checksum, trailer, untagged, plain]
    );

    let missing = PacketSocket::open("nowhere0").unwrap_err();
    assert!(missing.to_string().starts_with("interface nowhere0:"));
    stop.store(true, Ordering::Relaxed);
    let mut reader = CaptureReader::from_reader("test", file.as_slice()).unwrap();
    let (report, _) = inject(
        &mut reader,
        &mut socket,
        Pace::Asap,
        false,
        &mut RealClock::new(&stop),
    );
    assert!(report.interrupted && report.frames_sent == 0);
}
