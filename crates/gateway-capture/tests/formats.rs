//! Every format, byte order and resolution gives the same frames; what is cut or damaged is named by its offset.
#![allow(clippy::unwrap_used)]

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use gateway_capture::{
    CaptureError, CaptureReader, FileKind, ItchFileReader, LinkType, PcapWriter, RECORD_BYTES_MAX,
    sniff,
};

#[path = "common/build.rs"]
mod build;
use build::{Order, classic, enhanced, interface, obsolete, section, simple};

type Frames = Vec<(u64, LinkType, Vec<u8>, u32)>;

fn read(data: &[u8]) -> (Frames, Option<CaptureError>) {
    let mut frames = Frames::new();
    let mut reader = match CaptureReader::from_reader("test", data) {
        Ok(reader) => reader,
        Err(error) => return (frames, Some(error)),
    };
    loop {
        match reader.next() {
            Ok(Some(packet)) => {
                frames.push((
                    packet.timestamp_ns,
                    packet.link,
                    packet.frame.to_vec(),
                    packet.original_len,
                ));
            }
            Ok(None) => return (frames, None),
            Err(error) => {
                assert!(matches!(reader.next(), Ok(None)), "an error is the end");
                return (frames, Some(error));
            }
        }
    }
}

#[test]
fn classic_pcap_of_both_byte_orders_and_resolutions() {
    for order in [Order::Little, Order::Big] {
        for nanoseconds in [false, true] {
            let file = classic(
                order,
                nanoseconds,
                1,
                &[(1_577_716_200, 123_456, b"abc"), (1_577_716_201, 0, b"")],
            );
            let (frames, error) = read(&file);
            assert!(error.is_none(), "{error:?}");
            let fraction = if nanoseconds { 123_456 } else { 123_456_000 };
            assert_eq!(
                frames[0],
                (
                    1_577_716_200_000_000_000 + fraction,
                    LinkType::Ethernet,
                    b"abc".to_vec(),
                    3
                )
            );
            assert_eq!(
                frames[1],
                (1_577_716_201_000_000_000, LinkType::Ethernet, vec![], 0)
            );
            assert_eq!(frames.len(), 2);
        }
    }
}

#[test]
fn link_types_are_told_without_the_check_sequence_bits() {
    for (number, link) in [
        (1, LinkType::Ethernet),
        (0x1400_0001, LinkType::Ethernet),
        (101, LinkType::RawIp),
        (228, LinkType::RawIp),
        (113, LinkType::LinuxSll),
        (276, LinkType::LinuxSll2),
        (147, LinkType::Other(147)),
    ] {
        let (frames, _) = read(&classic(Order::Little, true, number, &[(0, 0, b"x")]));
        assert_eq!(frames[0].1, link);
        assert_eq!(LinkType::new(link.number()), link);
    }
}

#[test]
fn pcapng_of_both_byte_orders_with_resolutions_offsets_and_unknown_blocks() {
    for order in [Order::Little, Order::Big] {
        let mut file = section(order);
        file.extend(interface(order, 1, 0, &[(9, &[9])]));
        file.extend(interface(order, 101, 0, &[]));
        file.extend(interface(
            order,
            276,
            0,
            &[(9, &[0x80 | 10]), (14, &order.u64(5))],
        ));
        file.extend(order.block(0x0bad_cafe, &vec![7; 400_000]));
        file.extend(enhanced(order, 0, 1_577_716_200_000_000_001, b"one", 3));
        file.extend(enhanced(order, 1, 1_577_716_200_000_002, b"four", 60));
        file.extend(enhanced(order, 2, 1024 + 512, b"", 0));
        file.extend(obsolete(order, 0, 7, b"seven"));
        file.extend(simple(order, b"simple"));
        let other = if order == Order::Big {
            Order::Little
        } else {
            Order::Big
        };
        file.extend(section(other));
        file.extend(interface(other, 113, 4, &[]));
        file.extend(simple(other, b"limited"));
        let (frames, error) = read(&file);
        assert!(error.is_none(), "{error:?}");
        assert_eq!(
            frames,
            [
                (
                    1_577_716_200_000_000_001,
                    LinkType::Ethernet,
                    b"one".to_vec(),
                    3
                ),
                (
                    1_577_716_200_000_002_000,
                    LinkType::RawIp,
                    b"four".to_vec(),
                    60
                ),
                (6_500_000_000, LinkType::LinuxSll2, vec![], 0),
                (7, LinkType::Ethernet, b"seven".to_vec(), 5),
                (0, LinkType::Ethernet, b"simple".to_vec(), 6),
                (0, LinkType::LinuxSll, b"limi".to_vec(), 7),
            ]
        );
    }
}

#[test]
fn a_cut_classic_file_gives_all_whole_frames_and_the_offset_of_the_cut_one() {
    let file = classic(
        Order::Little,
        true,
        1,
        &[(0, 0, b"whole"), (0, 0, b"cut frame")],
    );
    let second = 24 + 16 + 5;
    for end in second + 1..file.len() {
        let (frames, error) = read(&file[..end]);
        assert_eq!(frames.len(), 1);
        let Some(CaptureError::Truncated {
            offset,
            needed,
            available,
            ..
        }) = error
        else {
            panic!("{error:?}")
        };
        assert_eq!((offset, available), (second as u64, (end - second) as u64));
        assert!(needed > available);
    }
    assert!(
        read(&file[..second]).1.is_none(),
        "cut between two frames is not told from the end"
    );
}

#[test]
fn a_cut_pcapng_file_gives_all_whole_frames() {
    let mut file = section(Order::Big);
    file.extend(interface(Order::Big, 1, 0, &[]));
    file.extend(enhanced(Order::Big, 0, 0, b"whole", 5));
    let second = file.len();
    file.extend(enhanced(Order::Big, 0, 0, b"cut", 3));
    for end in second + 1..file.len() {
        let (frames, error) = read(&file[..end]);
        assert_eq!(frames.len(), 1);
        assert_eq!(error.unwrap().offset(), Some(second as u64));
    }
}

#[test]
fn damage_is_named_by_its_offset() {
    let start = section(Order::Little);
    let mut described = start.clone();
    described.extend(interface(Order::Little, 1, 0, &[]));
    let at = described.len() as u64;
    let with = |block: Vec<u8>| [described.clone(), block].concat();

    let cases = [
        with(enhanced(Order::Little, 1, 0, b"unknown interface", 17)),
        with(Order::Little.block(6, &[0xff; 24])),
        with(Order::Little.block(2, &[0xff; 24])),
        with([6_u32.to_le_bytes(), 13_u32.to_le_bytes()].concat()),
        with([6_u32.to_le_bytes(), 8_u32.to_le_bytes()].concat()),
    ];
    for (index, file) in cases.iter().enumerate() {
        let (frames, error) = read(file);
        assert!(frames.is_empty());
        let Some(CaptureError::Damaged { offset, .. }) = error else {
            panic!("case {index}: {error:?}")
        };
        assert_eq!(offset, at, "case {index}");
    }

    let mut absurd = start;
    absurd.extend(interface(Order::Little, 1, 0, &[(9, &[100])]));
    absurd.extend(enhanced(Order::Little, 0, 1, b"x", 1));
    assert!(matches!(
        read(&absurd).1,
        Some(CaptureError::Damaged { .. })
    ));
}

#[test]
fn a_length_beyond_the_limit_is_refused_before_it_is_read() {
    let mut file = classic(Order::Little, true, 1, &[]);
    file.extend([0; 8]);
    file.extend(u32::MAX.to_le_bytes());
    file.extend([0; 4]);
    assert!(matches!(
        read(&file).1,
        Some(CaptureError::TooLong { offset: 24, .. })
    ));

    let largest = vec![5; RECORD_BYTES_MAX - 16];
    let (frames, error) = read(&classic(
        Order::Big,
        true,
        1,
        &[(0, 0, b"small"), (0, 0, &largest), (0, 0, b"small")],
    ));
    assert!(error.is_none());
    assert_eq!((frames.len(), frames[1].2.len()), (3, largest.len()));
}

#[test]
fn what_is_no_capture_says_how_it_starts() {
    assert!(
        matches!(read(b"").1, Some(CaptureError::NotACapture { start, .. }) if start.starts_with("nothing"))
    );
    assert!(
        matches!(read(b"hello").1, Some(CaptureError::NotACapture { start, .. }) if start == "68 65 6c 6c 6f")
    );
    assert!(matches!(
        read(&[0xd4, 0xc3, 0xb2, 0xa1, 2]).1,
        Some(CaptureError::Truncated { offset: 0, .. })
    ));
}

#[test]
fn gzip_files_read_as_plain_ones_and_tell_their_progress() {
    let directory = tempfile::tempdir().unwrap();
    let plain = classic(
        Order::Little,
        true,
        1,
        &[(1, 0, b"one"), (2, 0, &[3; 9000])],
    );
    let compressed = gzip(&plain);
    let path = directory.path().join("frames.pcap.gz");
    std::fs::write(&path, &compressed).unwrap();
    assert_eq!(sniff(&path).unwrap(), FileKind::Pcap);
    let mut reader = CaptureReader::open(&path).unwrap();
    assert_eq!(reader.next().unwrap().unwrap().frame, b"one");
    assert_eq!(reader.next().unwrap().unwrap().frame.len(), 9000);
    assert!(reader.next().unwrap().is_none());
    assert_eq!(reader.bytes_total(), Some(compressed.len() as u64));
    assert_eq!(reader.bytes_read(), compressed.len() as u64);

    let cut = directory.path().join("cut.pcap.gz");
    std::fs::write(&cut, &compressed[..compressed.len() - 20]).unwrap();
    let mut reader = CaptureReader::open(&cut).unwrap();
    let mut frames = 0;
    let error = loop {
        match reader.next() {
            Ok(Some(_)) => frames += 1,
            Ok(None) => panic!("a cut gzip file must not end cleanly"),
            Err(error) => break error,
        }
    };
    assert!(frames <= 2);
    assert!(matches!(error, CaptureError::Truncated { .. }), "{error}");

    // Cut behind the last frame, within gzip's own trailer: the frames are whole, the file is not.
    let whole: Vec<u8> = compressed[..compressed.len() - 1].to_vec();
    std::fs::write(&cut, whole).unwrap();
    let mut reader = CaptureReader::open(&cut).unwrap();
    assert!(reader.next().unwrap().is_some() && reader.next().unwrap().is_some());
    assert!(matches!(reader.next(), Err(CaptureError::Truncated { .. })));

    let damaged = directory.path().join("damaged.pcap.gz");
    let mut bytes = compressed.clone();
    bytes[12..20].fill(0xff);
    std::fs::write(&damaged, bytes).unwrap();
    let error = CaptureReader::open(&damaged)
        .and_then(|mut reader| reader.next().map(|_| ()))
        .unwrap_err();
    assert!(matches!(error, CaptureError::Read { .. }), "{error}");
    assert!(error.to_string().contains("damaged.pcap.gz"));

    let members = directory.path().join("members.itch.gz");
    std::fs::write(
        &members,
        [gzip(b"\x00\x02A1"), gzip(b"\x00\x02B2\x00\x00")].concat(),
    )
    .unwrap();
    let mut reader = ItchFileReader::open(&members).unwrap();
    assert_eq!(reader.next().unwrap(), Some((0, &b"A1"[..])));
    assert_eq!(reader.next().unwrap(), Some((4, &b"B2"[..])));
    assert_eq!(reader.next().unwrap(), None);
}

#[test]
fn a_missing_file_says_so() {
    let error = CaptureReader::open("/nowhere/frames.pcap").unwrap_err();
    assert!(matches!(error, CaptureError::Open { .. }));
    assert!(
        error
            .to_string()
            .starts_with("/nowhere/frames.pcap: cannot open")
    );
    assert!(matches!(
        CaptureReader::open("/"),
        Err(CaptureError::Open { .. })
    ));
}

#[test]
fn raw_messages_end_at_the_end_mark_and_stop_at_broken_framing() {
    let read = |data: &[u8]| {
        let mut reader = ItchFileReader::from_reader("test", data);
        let mut messages = Vec::new();
        loop {
            match reader.next() {
                Ok(Some((offset, message))) => messages.push((offset, message.to_vec())),
                Ok(None) => return (messages, None),
                Err(error) => {
                    assert!(matches!(reader.next(), Ok(None)));
                    return (messages, Some(error));
                }
            }
        }
    };
    let (messages, error) = read(b"\x00\x01S\x00\x03ABC\x00\x00");
    assert!(error.is_none());
    assert_eq!(messages, [(0, b"S".to_vec()), (3, b"ABC".to_vec())]);
    assert!(matches!(
        read(b"\x00\x01S\x00\x00S").1,
        Some(CaptureError::ZeroLength { offset: 3, .. })
    ));
    let (messages, error) = read(b"\x00\x01S\x00\x03AB");
    assert_eq!(messages.len(), 1);
    assert!(matches!(
        error,
        Some(CaptureError::Truncated {
            offset: 3,
            needed: 5,
            available: 4,
            ..
        })
    ));
    assert!(matches!(
        read(b"\x00").1,
        Some(CaptureError::Truncated { offset: 0, .. })
    ));
    assert!(read(b"").1.is_none());
}

#[test]
fn what_the_writer_writes_the_reader_reads() {
    let mut writer = PcapWriter::new(Vec::new(), LinkType::Ethernet).unwrap();
    writer.write(1_577_716_200_000_000_007, b"frame").unwrap();
    writer
        .write(u64::from(u32::MAX) * 1_000_000_000, &[1; 1514])
        .unwrap();
    assert!(writer.write(u64::MAX, b"later").is_err());
    let (frames, error) = read(&writer.finish().unwrap());
    assert!(error.is_none());
    assert_eq!(
        frames[0],
        (
            1_577_716_200_000_000_007,
            LinkType::Ethernet,
            b"frame".to_vec(),
            5
        )
    );
    assert_eq!(frames[1].0, u64::from(u32::MAX) * 1_000_000_000);
    assert_eq!(frames.len(), 2);
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}
