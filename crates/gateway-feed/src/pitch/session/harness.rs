//! Oracles that tests and the fuzz target share: whatever comes over a connection, and in whatever pieces, a session keeps
//! its promises.

use super::client::OUTPUT_BYTES_MAX;
use super::stream::write;
use super::{
    Client, ClientEvent, CloseReason, Credentials, DefinitionFinished, DefinitionResponse,
    GapRequest, GapResponse, GapStatus, Login, LoginStatus, Server, SpinClient, SpinEvent,
    SpinFinished, SpinImageAvailable, SpinResponse, SpinStatus,
};
use crate::sink::Nanos;

/// The longest block that a side adds to what is to be sent.
const BLOCK_BYTES_MAX: usize = 263;
/// The image that a spin client of these tests needs begins behind this message.
const IMAGE_FROM: u64 = 100;

/// What a side told.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Told {
    LoggedIn,
    Message(Vec<u8>),
    Closed(CloseReason),
}

/// Who logs in.
///
/// # Panics
/// Never: all are of the length that they may have.
fn credentials() -> Credentials {
    match Credentials::new("0001", "FIRM", "ABCD00") {
        Ok(credentials) => credentials,
        Err(error) => unreachable!("{error}"),
    }
}

/// Feeds `bytes` to `take` in pieces whose lengths `cuts` gives in turn.
fn in_pieces(bytes: &[u8], cuts: &[usize], mut take: impl FnMut(&[u8])) {
    let mut rest = bytes;
    let mut cuts = cuts.iter().cycle();
    while !rest.is_empty() {
        // An empty piece says nothing.
        take(&[]);
        let length = cuts.next().copied().unwrap_or(rest.len()).max(1);
        let (piece, left) = rest.split_at(length.min(rest.len()));
        take(piece);
        rest = left;
    }
}

/// A client, to which the server says `bytes`, and takes nothing of what it is sent.
fn client(bytes: &[u8], cuts: &[usize]) -> Vec<Told> {
    let mut client = Client::new(credentials(), 0);
    let mut log = Vec::new();
    in_pieces(bytes, cuts, |piece| {
        client.on_bytes(1, piece, &mut |event| {
            log.push(match event {
                ClientEvent::LoggedIn => Told::LoggedIn,
                ClientEvent::Message(message) => Told::Message(message.to_vec()),
                ClientEvent::Closed(reason) => Told::Closed(reason),
            });
        });
        let request = GapRequest {
            unit: 1,
            sequence: 1,
            count: 1,
        };
        client.send(1, &request.encode());
        assert!(client.output().len() < OUTPUT_BYTES_MAX + BLOCK_BYTES_MAX);
    });
    assert_eq!(client.next_deadline().is_none(), client.is_closed());
    log
}

/// A server, to which a client says `bytes`; it answers whatever follows the login.
fn server(bytes: &[u8], cuts: &[usize]) -> Vec<Told> {
    let mut server = Server::new(0);
    let mut log = Vec::new();
    in_pieces(bytes, cuts, |piece| {
        let (mut let_in, mut messages) = (false, Vec::new());
        let judge = &mut |from: &Credentials| {
            let_in = *from == credentials();
            match let_in {
                true => LoginStatus::Accepted,
                false => LoginStatus::NotAuthorized,
            }
        };
        let answer = &mut |message: &[u8], say: &mut super::Say<'_>| {
            messages.push(Told::Message(message.to_vec()));
            say.message(message);
        };
        let result = server.on_bytes(1, piece, judge, answer);
        log.extend(let_in.then_some(Told::LoggedIn));
        log.extend(messages);
        log.extend(result.err().map(Told::Closed));
    });
    let is_over = log.iter().any(|told| matches!(told, Told::Closed(_)));
    assert_eq!(server.is_closed(), is_over);
    log
}

/// A client of a spin server, which says `bytes` and lets `step` pass between the pieces.
///
/// Its log may depend on the pieces: an image can only be asked for between two of them.
fn spin(bytes: &[u8], cuts: &[usize], step: Nanos, definitions: bool) {
    let mut client = SpinClient::new(credentials(), IMAGE_FROM, 0);
    if definitions {
        client = client.with_definitions();
    }
    let (mut messages_told, mut ends, mut now) = (0_u64, 0, 0);
    in_pieces(bytes, cuts, |piece| {
        let take = &mut |event: SpinEvent<'_>| {
            assert_eq!(ends, 0, "something follows the end");
            match event {
                SpinEvent::Message(message) => {
                    messages_told += 1;
                    assert!(!message.is_empty());
                }
                SpinEvent::Complete {
                    next_sequence,
                    messages,
                } => {
                    ends += 1;
                    assert!(next_sequence >= IMAGE_FROM, "an image that is too old");
                    assert_eq!(messages, messages_told);
                }
                SpinEvent::Failed(_) => ends += 1,
            }
        };
        now += step;
        client.on_bytes(now, piece, take);
        client.on_time(now, take);
        assert!(client.output().len() < OUTPUT_BYTES_MAX + BLOCK_BYTES_MAX);
        if step > 0 {
            client.sent(usize::MAX);
        }
    });
    client.on_disconnect(&mut |event| {
        assert_eq!(ends, 0, "something follows the end");
        assert!(matches!(event, SpinEvent::Failed(_)));
        ends += 1;
    });
    assert_eq!(ends, 1, "the end is told once");
}

/// Checks the promises on what a side told.
fn check(log: &[Told]) {
    let mut is_in = false;
    for (at, told) in log.iter().enumerate() {
        match told {
            Told::LoggedIn => {
                assert!(!is_in, "let in twice");
                is_in = true;
            }
            Told::Message(message) => {
                assert!(is_in, "a message before the login");
                assert!(!message.is_empty());
            }
            Told::Closed(_) => assert_eq!(at + 1, log.len(), "something follows the end"),
        }
    }
}

/// Any bytes as what a peer sends: the first chooses the side and how the rest is cut.
#[allow(clippy::missing_panics_doc, reason = "the panic is the purpose")]
pub fn exercise(script: &[u8]) {
    let Some((choice, bytes)) = script.split_first() else {
        return;
    };
    let cuts = [usize::from(choice / 3) + 1, 2, 70];
    let side = match choice % 3 {
        0 => client,
        1 => server,
        _ => {
            for (cuts, step) in [(&[][..], 0), (&[1], 0), (&cuts, 0), (&cuts, 300_000_000)] {
                spin(bytes, cuts, step, false);
                spin(bytes, cuts, step, true);
            }
            return;
        }
    };
    let whole = side(bytes, &[]);
    check(&whole);
    for cuts in [&[1][..], &cuts] {
        assert_eq!(
            side(bytes, cuts),
            whole,
            "cut as {cuts:?} it is another session"
        );
    }
}

/// Inputs to begin with: each side's messages in an order that takes the session through, for some ways of cutting.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let request = GapRequest {
        unit: 1,
        sequence: 7,
        count: 3,
    };
    let answered = |status| GapResponse { request, status }.encode().to_vec();
    let to_client = [
        LoginStatus::Accepted.encode().to_vec(),
        answered(GapStatus::Accepted),
        answered(GapStatus::SecondExhausted),
    ];
    let to_server = [
        Login(credentials()).encode().to_vec(),
        request.encode().to_vec(),
    ];
    let sequence = IMAGE_FROM as u32 + 5;
    let image = |order_count, status| {
        let response = SpinResponse {
            sequence,
            order_count,
            status,
        };
        response.encode().to_vec()
    };
    let defined = DefinitionResponse {
        instrument_count: 1,
        status: SpinStatus::Accepted,
    };
    // An order of each length would be counted by its type alone.
    let order = [&[super::super::layout::AddShort::TYPE][..], &[1; 24]].concat();
    let to_spin = [
        LoginStatus::Accepted.encode().to_vec(),
        defined.encode().to_vec(),
        [&[0x2E][..], &[b'A'; 36]].concat(),
        DefinitionFinished.encode().to_vec(),
        SpinImageAvailable { sequence: 3 }.encode().to_vec(),
        SpinImageAvailable { sequence }.encode().to_vec(),
        image(0, SpinStatus::OutOfRange),
        SpinImageAvailable { sequence }.encode().to_vec(),
        image(2, SpinStatus::Accepted),
        order.clone(),
        order,
        SpinFinished { sequence }.encode().to_vec(),
    ];
    let mut seeds = Vec::new();
    for (side, messages) in [&to_client[..], &to_server, &to_spin].iter().enumerate() {
        for cut in [0, 1, 12, 84] {
            let mut seed = vec![3 * cut + side as u8];
            for message in *messages {
                write(&mut seed, Some(message));
                write(&mut seed, None);
            }
            seeds.push(seed);
        }
    }
    seeds
}
