//! Client and server, against each other, against literal bytes, and against anything.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

const SECOND: Nanos = 1_000_000_000;

fn credentials() -> Credentials {
    Credentials::new("0001", "FIRM", "ABCD00").unwrap()
}

/// A client, what happened to it, and a clock.
struct Bench {
    client: Client,
    now: Nanos,
    events: Vec<String>,
}

impl Bench {
    fn new() -> Self {
        Self {
            client: Client::new(credentials(), SECOND),
            now: SECOND,
            events: Vec::new(),
        }
    }

    fn hear(&mut self, bytes: &[u8]) -> &mut Self {
        let events = &mut self.events;
        self.client.on_bytes(self.now, bytes, &mut |event| {
            events.push(format!("{event:?}"))
        });
        self
    }

    /// Lets time pass, a deadline at a time; what is to be sent is sent at once.
    fn pass(&mut self, time: Nanos) -> usize {
        let (until, mut sent) = (self.now + time, 0);
        while let Some(due) = self.client.next_deadline().filter(|due| *due <= until) {
            self.now = due;
            let events = &mut self.events;
            self.client
                .on_time(self.now, &mut |event| events.push(format!("{event:?}")));
            sent += usize::from(!self.client.output().is_empty());
            self.client.sent(usize::MAX);
        }
        self.now = until;
        sent
    }

    fn happened(&mut self) -> Vec<String> {
        std::mem::take(&mut self.events)
    }
}

const ACCEPTED: &[u8] = &[11, 0, 1, 0, 0, 0, 0, 0, 3, 0x02, b'A'];
const HEARTBEAT: &[u8] = &[8, 0, 0, 0, 0, 0, 0, 0];

#[test]
fn a_login_and_a_request_are_as_the_specification_tabulates_them() {
    let mut bench = Bench::new();
    let login = b"\x1e\0\x01\0\0\0\0\0\x16\x010001FIRM  ABCD00    ";
    assert_eq!(bench.client.output(), login);
    bench.client.sent(login.len());
    let request = GapRequest {
        unit: 3,
        sequence: 0x0102_0304,
        count: 0x0506,
    };
    assert!(
        !bench.client.send(SECOND, &request.encode()),
        "not logged in yet"
    );
    bench.hear(ACCEPTED);
    assert!(bench.client.send(SECOND, &request.encode()));
    let wire = [17, 0, 1, 0, 0, 0, 0, 0, 9, 0x03, 3, 4, 3, 2, 1, 6, 5];
    assert_eq!(bench.client.output(), wire);
    let response = [18, 0, 1, 0, 0, 0, 0, 0, 10, 0x04, 3, 4, 3, 2, 1, 6, 5, b'O'];
    bench.hear(&response);
    assert_eq!(
        bench.happened(),
        ["LoggedIn", "Message([4, 3, 4, 3, 2, 1, 6, 5, 79])"]
    );
    let parsed = GapResponse::parse(&response[9..]).unwrap();
    assert_eq!(
        (parsed.request, parsed.status),
        (request, GapStatus::OutOfRange)
    );
    assert_eq!(parsed.encode(), response[9..]);
}

#[test]
fn every_status_is_read_as_it_is_written() {
    for byte in 0..=u8::MAX {
        let login = LoginStatus::parse(&[LoginStatus::TYPE, byte]).unwrap();
        assert_eq!(login.encode(), [LoginStatus::TYPE, byte]);
        let mut response = [0; 9];
        (response[0], response[8]) = (GapResponse::TYPE, byte);
        assert_eq!(GapResponse::parse(&response).unwrap().encode(), response);
    }
    assert_eq!(LoginStatus::parse(&[LoginStatus::TYPE]), None);
    assert_eq!(GapRequest::parse(&[GapResponse::TYPE; 8]), None);
}

#[test]
fn credentials_fit_their_fields_and_are_not_shown() {
    for (id, user, password, what) in [
        ("", "a", "b", "session sub id"),
        ("00001", "a", "b", "session sub id"),
        ("1", "ab\u{e9}", "b", "username"),
        ("1", "a", "12345678901", "password"),
    ] {
        let error = Credentials::new(id, user, password).unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
    }
    let shown = format!("{:?}", credentials());
    assert!(shown.contains("FIRM") && !shown.contains("ABCD"), "{shown}");
}

#[test]
fn a_refusal_is_told_and_what_comes_before_the_login_ends_the_session() {
    let mut bench = Bench::new();
    bench
        .hear(HEARTBEAT)
        .hear(&[11, 0, 1, 0, 0, 0, 0, 0, 3, 0x02, b'B']);
    bench.hear(ACCEPTED);
    assert_eq!(bench.happened(), ["Closed(Refused(SessionInUse))"]);
    assert_eq!(bench.client.next_deadline(), None);
    let mut bench = Bench::new();
    bench.hear(&[10, 0, 1, 0, 0, 0, 0, 0, 2, 0x2D]);
    assert_eq!(bench.happened(), ["Closed(Unexpected(45))"]);
}

#[test]
fn heartbeats_go_once_a_second_and_silence_ends_the_session() {
    let mut bench = Bench::new();
    bench.client.sent(usize::MAX);
    bench.hear(ACCEPTED);
    assert_eq!(bench.pass(5 * SECOND), 5);
    bench.hear(HEARTBEAT);
    assert_eq!(bench.pass(9 * SECOND), 9);
    assert_eq!(bench.happened(), ["LoggedIn"]);
    bench.pass(SECOND);
    assert_eq!(bench.happened(), ["Closed(Silence)"]);
    // A server that beats, but never answers the login.
    let mut bench = Bench::new();
    for _ in 0..10 {
        bench.hear(HEARTBEAT).pass(SECOND);
    }
    assert_eq!(bench.happened(), ["Closed(LoginTimeout)"]);
}

#[test]
fn what_is_no_block_ends_the_session() {
    let ended = |bytes: &[u8]| {
        let mut bench = Bench::new();
        bench.hear(ACCEPTED).hear(bytes);
        bench.happened().pop().unwrap()
    };
    assert_eq!(
        ended(&[7, 0, 0, 0, 0, 0, 0, 0]),
        "Closed(Stream(Length(7)))"
    );
    for bytes in [
        // A message that is longer than its block, one that is not announced, one that is none.
        &[11, 0, 1, 0, 0, 0, 0, 0, 4, 0x2D, 0][..],
        &[10, 0, 0, 0, 0, 0, 0, 0, 2, 0x2D],
        &[9, 0, 1, 0, 0, 0, 0, 0, 0],
    ] {
        assert!(
            ended(bytes).starts_with("Closed(Stream(Messages"),
            "{bytes:?}"
        );
    }
}

#[test]
fn a_server_takes_who_it_is_told_to_take_and_says_what_it_is_told_to_say() {
    let response = |request| GapResponse {
        request,
        status: GapStatus::Accepted,
    };
    let mut server = Server::new(SECOND);
    let mut client = Client::new(credentials(), SECOND);
    let mut heard = Vec::new();
    for _ in 0..3 {
        let judge = &mut |who: &Credentials| {
            assert_eq!(*who, credentials());
            LoginStatus::Accepted
        };
        let answer = &mut |message: &[u8], say: &mut Say<'_>| {
            say.message(&response(GapRequest::parse(message).unwrap()).encode());
        };
        server
            .on_bytes(SECOND, client.output(), judge, answer)
            .unwrap();
        client.sent(usize::MAX);
        client.on_bytes(SECOND, server.output(), &mut |event| {
            if let ClientEvent::Message(message) = event {
                heard.push(GapResponse::parse(message).unwrap().request.sequence);
            }
        });
        server.sent(usize::MAX);
        for sequence in [5, 6] {
            let request = GapRequest {
                unit: 1,
                sequence,
                count: 2,
            };
            client.send(SECOND, &request.encode());
        }
    }
    assert_eq!(heard, [5, 6, 5, 6]);
    assert_eq!(server.on_time(2 * SECOND), Ok(()));
    assert_eq!(server.output(), HEARTBEAT);
    assert_eq!(server.on_time(11 * SECOND), Err(CloseReason::Silence));
    assert!(server.is_closed());

    let mut server = Server::new(0);
    let refused = server.on_bytes(
        0,
        Client::new(credentials(), 0).output(),
        &mut |_| LoginStatus::NotAuthorized,
        &mut |_, _| panic!("nobody is logged in"),
    );
    assert_eq!(
        refused,
        Err(CloseReason::Refused(LoginStatus::NotAuthorized))
    );
    assert_eq!(server.output()[9..], [LoginStatus::TYPE, b'N']);
    let mut server = Server::new(0);
    let early = [10, 0, 1, 0, 0, 0, 0, 0, 2, 0x03];
    let ended = server.on_bytes(0, &early, &mut |_| LoginStatus::Accepted, &mut |_, _| ());
    assert_eq!(ended, Err(CloseReason::Unexpected(3)));
}

/// What a client makes of `bytes`, cut as `cuts` says.
fn heard(bytes: &[u8], cuts: &[usize]) -> Vec<String> {
    let mut bench = Bench::new();
    let mut rest = bytes;
    for cut in cuts {
        let (now, later) = rest.split_at((*cut).min(rest.len()));
        bench.hear(now);
        rest = later;
    }
    bench.hear(rest);
    assert!(bench.client.output().len() < 100);
    bench.happened()
}

proptest! {
    #[test]
    fn any_bytes_are_taken_the_same_however_they_are_cut(
        accepted in any::<bool>(),
        blocks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..12), 0..6),
        garbage in prop::collection::vec(any::<u8>(), 0..40),
        cuts in prop::collection::vec(0_usize..20, 0..10),
    ) {
        let mut bytes = Vec::new();
        if accepted {
            bytes.extend_from_slice(ACCEPTED);
        }
        for message in &blocks {
            stream::write(&mut bytes, Some(message));
        }
        bytes.extend_from_slice(&garbage);
        prop_assert_eq!(heard(&bytes, &cuts), heard(&bytes, &[]));
        let mut server = Server::new(0);
        let _ = server.on_bytes(0, &bytes, &mut |_| LoginStatus::Accepted, &mut |_, _| ());
    }
}

/// What a spin client makes of a server's messages, with what it says itself.
struct SpinBench {
    client: SpinClient,
    events: Vec<String>,
}

impl SpinBench {
    fn new(from: u64) -> Self {
        let mut bench = Self {
            client: SpinClient::new(credentials(), from, SECOND),
            events: Vec::new(),
        };
        bench.said();
        bench.hear_bytes(ACCEPTED);
        bench
    }

    fn hear_bytes(&mut self, bytes: &[u8]) {
        let events = &mut self.events;
        self.client.on_bytes(SECOND, bytes, &mut |event| {
            events.push(format!("{event:?}"))
        });
    }

    fn hear(&mut self, message: &[u8]) -> &mut Self {
        let mut bytes = Vec::new();
        stream::write(&mut bytes, Some(message));
        self.hear_bytes(&bytes);
        self
    }

    fn offer(&mut self, sequence: u32) -> &mut Self {
        self.hear(&SpinImageAvailable { sequence }.encode())
    }

    fn respond(&mut self, sequence: u32, order_count: u32, status: SpinStatus) -> &mut Self {
        let response = SpinResponse {
            sequence,
            order_count,
            status,
        };
        self.hear(&response.encode())
    }

    /// The image asked for since the last look.
    fn said(&mut self) -> Option<u32> {
        let output = self.client.output().to_vec();
        self.client.sent(usize::MAX);
        SpinRequest::parse(output.get(9..)?).map(|request| request.sequence)
    }
}

const ADD: &[u8] = &[0x22; 25];

#[test]
fn what_instruments_there_are_is_asked_for_first_and_comes_with_the_image() {
    let asked = |definitions: bool| {
        let mut bench = SpinBench::new(1);
        bench.client = SpinClient::new(credentials(), 1, SECOND);
        if definitions {
            bench.client = bench.client.with_definitions();
        }
        bench.said();
        bench.hear_bytes(ACCEPTED);
        let output = bench.client.output().to_vec();
        bench.client.sent(usize::MAX);
        (bench, output)
    };
    assert!(asked(false).1.is_empty());
    let (mut bench, output) = asked(true);
    // A block of one message of 6 bytes: length, type and a sequence of 0.
    assert_eq!(output, [14, 0, 1, 0, 0, 0, 0, 0, 6, 0x84, 0, 0, 0, 0]);
    let mapping = [&[0x2E][..], &[b'A'; 36]].concat();
    assert_eq!(bench.offer(50).said(), None, "not before the answer");
    bench.hear(&[0x85, 0, 0, 0, 0, 2, 0, 0, 0, b'A']);
    bench.hear(&mapping).offer(51).hear(&mapping);
    assert_eq!((bench.said(), bench.events.len()), (None, 2));
    bench.hear(&[0x86]);
    assert_eq!(bench.offer(52).said(), Some(52));
    bench.respond(52, 1, SpinStatus::Accepted);
    bench
        .hear(ADD)
        .hear(&SpinFinished { sequence: 52 }.encode());
    assert_eq!(
        bench.events.pop().unwrap(),
        "Complete { next_sequence: 53, messages: 3 }"
    );

    // Where the server will not tell, the image comes alone.
    let (mut bench, _) = asked(true);
    bench.hear(&[0x85, 0, 0, 0, 0, 0, 0, 0, 0, b'S']);
    assert_eq!(bench.offer(50).said(), Some(50));
    // And where it says nothing, after a while.
    let (mut bench, _) = asked(true);
    let until = SECOND + DEFINITIONS_TIMEOUT_NS;
    bench
        .client
        .on_time(until - 1, &mut |event| panic!("{event:?}"));
    bench.client.sent(usize::MAX);
    assert_eq!(bench.offer(50).said(), None);
    assert_eq!(bench.client.next_deadline(), Some(until));
    bench
        .client
        .on_time(until, &mut |event| panic!("{event:?}"));
    bench.client.sent(usize::MAX);
    assert_eq!(bench.offer(51).said(), Some(51));
    // Where it falls silent amid them, what came is kept.
    let (mut silent, _) = asked(true);
    silent
        .hear(&[0x85, 0, 0, 0, 0, 2, 0, 0, 0, b'A'])
        .hear(&mapping);
    assert_eq!(silent.offer(50).said(), None);
    silent
        .client
        .on_time(until, &mut |event| panic!("{event:?}"));
    silent.client.sent(usize::MAX);
    assert_eq!(silent.offer(51).said(), Some(51));
    silent.respond(51, 0, SpinStatus::Accepted);
    silent.hear(&SpinFinished { sequence: 51 }.encode());
    assert_eq!(
        silent.events.pop().unwrap(),
        "Complete { next_sequence: 52, messages: 1 }"
    );
    // What it says then is too late.
    bench
        .hear(&[0x85, 0, 0, 0, 0, 2, 0, 0, 0, b'A'])
        .hear(&[0x86]);
    assert!(bench.events.is_empty());
}

#[test]
fn messages_of_definitions_are_read_as_they_are_written() {
    assert_eq!(DefinitionRequest.encode(), [0x84, 0, 0, 0, 0]);
    assert!(DefinitionRequest::parse(&DefinitionRequest.encode()).is_some());
    assert!(DefinitionRequest::parse(&[0x84, 0, 0, 0]).is_none());
    let response = DefinitionResponse {
        instrument_count: 0x0403_0201,
        status: SpinStatus::Accepted,
    };
    assert_eq!(response.encode(), [0x85, 0, 0, 0, 0, 1, 2, 3, 4, b'A']);
    for status in 0..=u8::MAX {
        let mut bytes = response.encode();
        bytes[9] = status;
        assert_eq!(DefinitionResponse::parse(&bytes).unwrap().encode(), bytes);
    }
    assert_eq!(DefinitionFinished.encode(), [0x86]);
    assert!(DefinitionFinished::parse(&[0x85]).is_none());
}

#[test]
fn an_image_that_reaches_far_enough_is_asked_for_once_and_taken_whole() {
    let mut bench = SpinBench::new(100);
    assert_eq!(bench.offer(98).said(), None);
    assert_eq!(bench.offer(99).said(), Some(99));
    assert_eq!(bench.offer(105).said(), None);
    bench.respond(99, 1, SpinStatus::OutOfRange);
    assert_eq!(bench.offer(106).said(), Some(106));
    bench.respond(106, 2, SpinStatus::Accepted);
    bench
        .hear(&[0x20, 1, 0, 0, 0])
        .hear(ADD)
        .offer(107)
        .hear(ADD);
    assert_eq!(bench.events.len(), 3);
    bench.hear(&SpinFinished { sequence: 106 }.encode());
    assert_eq!(
        bench.events.pop().unwrap(),
        "Complete { next_sequence: 107, messages: 3 }"
    );
    // Nothing after it, not even that the connection ends.
    bench.events.clear();
    bench.hear(ADD);
    bench.client.on_disconnect(&mut |event| panic!("{event:?}"));
    assert!(bench.events.is_empty());
}

#[test]
fn an_image_that_is_not_whole_or_another_one_is_refused() {
    let failed = |hear: &dyn Fn(&mut SpinBench)| {
        let mut bench = SpinBench::new(1);
        bench.offer(50);
        hear(&mut bench);
        bench.events.pop().unwrap()
    };
    let finished = |sequence| SpinFinished { sequence }.encode();
    let short = failed(&|bench| {
        bench.respond(50, 2, SpinStatus::Accepted);
        bench.hear(ADD).hear(&finished(50));
    });
    assert_eq!(short, "Failed(Orders { announced: 2, found: 1 })");
    let other = failed(&|bench| {
        bench.respond(50, 0, SpinStatus::Accepted);
        bench.hear(&finished(51));
    });
    assert_eq!(other, "Failed(Sequence { asked: 50, found: 51 })");
    let other = failed(&|bench| {
        bench.respond(51, 0, SpinStatus::Accepted);
    });
    assert_eq!(other, "Failed(Sequence { asked: 50, found: 51 })");
    let busy = failed(&|bench| {
        bench.respond(50, 0, SpinStatus::InProgress);
    });
    assert!(busy.contains("InProgress"), "{busy}");
    let early = failed(&|bench| {
        bench.hear(&finished(50));
    });
    assert!(early.contains("Unexpected(131)"), "{early}");
    let broken = failed(&|bench| {
        let events = &mut bench.events;
        bench
            .client
            .on_disconnect(&mut |event| events.push(format!("{event:?}")));
    });
    assert!(broken.contains("PeerClosed"), "{broken}");
}

#[test]
fn messages_of_images_are_read_as_they_are_written() {
    let response = SpinResponse {
        sequence: 0x0403_0201,
        order_count: 0x0807_0605,
        status: SpinStatus::Accepted,
    };
    assert_eq!(response.encode(), [0x82, 1, 2, 3, 4, 5, 6, 7, 8, b'A']);
    for status in 0..=u8::MAX {
        let mut bytes = response.encode();
        bytes[9] = status;
        assert_eq!(SpinResponse::parse(&bytes).unwrap().encode(), bytes);
    }
    let request = SpinRequest {
        sequence: 0x0403_0201,
    };
    assert_eq!(request.encode(), [0x81, 1, 2, 3, 4]);
    assert_eq!(SpinRequest::parse(&request.encode()), Some(request));
    assert_eq!(SpinFinished::parse(&request.encode()), None);
}
