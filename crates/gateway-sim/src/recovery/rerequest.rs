//! A MoldUDP64 re-request server, and what may be wrong with one.
//!
//! Pure: requests go in with their time and the exchange's ledger, answers come out with the times at which they leave.
//!
//! What the specification leaves open is silence here: a request of another session, for a message not kept any longer,
//! for one not sent yet, or for none.

use gateway_feed::moldudp64::{PacketBuilder, Request, Session};

use super::counts::RerequestCounts;
use crate::random::Random;
use crate::venue::{Kept, Ledger};

/// What is wrong with a server; each rate is a probability a request, 0 to 1. Of several wrong answers to one request the
/// first one of this list is given.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RerequestFaults {
    /// The request is not answered.
    pub loss: f64,
    /// The answer is in another session's name.
    pub other_session: f64,
    /// The answer has messages of the session that were not asked for.
    pub other_range: f64,
    /// The answer ends within its last message.
    pub cut: f64,
    /// The answer is random bytes.
    pub garbage: f64,
    /// The answer, whatever it is, is sent twice.
    pub duplicate: f64,
    /// Nanoseconds that an answer takes.
    pub delay_ns: u64,
    /// The most nanoseconds that it takes besides, evenly from 0. A late answer may be overtaken.
    pub jitter_ns: u64,
}

/// How a server answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RerequestOptions {
    /// How many of the session's last messages it has.
    pub history_messages: u64,
    /// The most bytes of an answer.
    pub packet_bytes_max: usize,
    /// What is wrong with it.
    pub faults: RerequestFaults,
    /// Decides the faults.
    pub seed: u64,
    /// Number of this server among those of one seed, below 256: each fails by itself.
    pub number: u8,
}

/// An answer on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// When it leaves.
    pub at_ns: u64,
    /// The datagram.
    pub payload: Vec<u8>,
}

/// Answers requests.
#[derive(Debug)]
pub struct RerequestServer {
    options: RerequestOptions,
    fates: Random,
    jitter: Random,
    bytes: Random,
    counts: RerequestCounts,
}

/// Streams of a seed: those of the lines lie below.
const STREAM: u64 = 1 << 12;

#[derive(Clone, Copy)]
struct Fate {
    lost: bool,
    other_session: bool,
    other_range: bool,
    cut: bool,
    garbage: bool,
    twice: bool,
}

impl RerequestServer {
    /// A server.
    #[must_use]
    pub fn new(options: RerequestOptions) -> Self {
        let stream = |kind: u64| {
            Random::new(
                options.seed,
                STREAM + u64::from(options.number) + (kind << 8),
            )
        };
        Self {
            fates: stream(0),
            jitter: stream(1),
            bytes: stream(2),
            counts: RerequestCounts::default(),
            options,
        }
    }

    /// Takes a datagram that came at `now_ns`, and hands out the answers to it. A server that is `down` takes no note of
    /// what it says.
    pub fn on_request(
        &mut self,
        now_ns: u64,
        down: bool,
        datagram: &[u8],
        ledger: &Ledger,
        mut emit: impl FnMut(Answer),
    ) {
        // All draws for every datagram: what becomes of one does not depend on those before.
        let fate = self.draw();
        let delay_ns = self.options.faults.delay_ns
            + self
                .jitter
                .below_u64(self.options.faults.jitter_ns.saturating_add(1));
        let Some(payload) = self.answer(down, datagram, ledger, fate) else {
            return;
        };
        let at_ns = now_ns.saturating_add(delay_ns);
        if fate.twice {
            self.counts.duplicated += 1;
            emit(Answer {
                at_ns,
                payload: payload.clone(),
            });
        }
        emit(Answer { at_ns, payload });
    }

    /// Answers that were not sent.
    pub fn unsent(&mut self, answers: u64) {
        self.counts.unsent += answers;
    }

    /// What became of the requests so far.
    #[must_use]
    pub fn counts(&self) -> &RerequestCounts {
        &self.counts
    }

    fn draw(&mut self) -> Fate {
        let faults = &self.options.faults;
        let mut happens = |rate| self.fates.happens(rate);
        Fate {
            lost: happens(faults.loss),
            other_session: happens(faults.other_session),
            other_range: happens(faults.other_range),
            cut: happens(faults.cut),
            garbage: happens(faults.garbage),
            twice: happens(faults.duplicate),
        }
    }

    fn answer(
        &mut self,
        down: bool,
        datagram: &[u8],
        ledger: &Ledger,
        fate: Fate,
    ) -> Option<Vec<u8>> {
        self.counts.requests += 1;
        let request = match Request::parse(datagram) {
            _ if down => {
                self.counts.while_down += 1;
                return None;
            }
            Ok(request) => request,
            Err(_) => {
                self.counts.malformed += 1;
                return None;
            }
        };
        self.counts.messages_requested += u64::from(request.count);
        if fate.lost {
            self.counts.lost += 1;
            return None;
        }
        if request.session != ledger.session {
            self.counts.other_session += 1;
            return None;
        }
        let oldest = ledger
            .next_sequence
            .saturating_sub(self.options.history_messages);
        match ledger.history.get(request.sequence) {
            Kept::Message(_) if request.sequence >= oldest => {}
            Kept::Message(_) | Kept::TooOld => {
                self.counts.too_old += 1;
                return None;
            }
            Kept::Missing => {
                self.counts.missing += 1;
                return None;
            }
            Kept::NotYet => {
                self.counts.not_yet += 1;
                return None;
            }
        }
        if fate.other_session {
            self.counts.sent_other_session += 1;
            let mut session = request.session;
            session.0[9] ^= 1;
            return Some(
                self.packet(session, request.sequence, request.count, ledger)
                    .0,
            );
        }
        if fate.other_range {
            self.counts.sent_other_range += 1;
            // True messages, under their own numbers: those before, where there are any, else those behind the first.
            let before = request.sequence.saturating_sub(u64::from(request.count));
            let first = match ledger.history.get(before) {
                Kept::Message(_) => before,
                _ => request.sequence.saturating_add(u64::from(request.count)),
            };
            return Some(self.packet(request.session, first, request.count, ledger).0);
        }
        if fate.garbage && !fate.cut {
            self.counts.sent_garbage += 1;
            let length = self.bytes.below(self.options.packet_bytes_max as u32 + 1);
            return Some((0..length).map(|_| self.bytes.below(256) as u8).collect());
        }
        let (mut packet, messages) =
            self.packet(request.session, request.sequence, request.count, ledger);
        if fate.cut {
            self.counts.sent_cut += 1;
            packet.pop();
        } else {
            self.counts.answered += 1;
            self.counts.messages_answered += u64::from(messages);
        }
        Some(packet)
    }

    /// The messages from `first` on, `count` of them or as many as fit and are there, and how many they are.
    fn packet(&self, session: Session, first: u64, count: u16, ledger: &Ledger) -> (Vec<u8>, u16) {
        let mut builder = PacketBuilder::new(session, first, self.options.packet_bytes_max);
        for sequence in (first..=u64::MAX).take(count.into()) {
            match ledger.history.get(sequence) {
                Kept::Message(message) if builder.push(message).is_ok() => {}
                _ => break,
            }
        }
        let messages = builder.count();
        (builder.finish(<[u8]>::to_vec), messages)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use gateway_feed::moldudp64::{Packet, PacketKind};
    use proptest::prelude::*;

    use super::*;
    use crate::venue::Venue;

    const SESSION: Session = Session(*b" TEST 1   ");

    fn venue(first: u64, messages: u64, history: usize) -> Venue {
        let venue = Venue::new(history);
        let mut ledger = venue.lock();
        ledger.begin(SESSION, first);
        for sequence in first..first + messages {
            ledger.add(sequence, &sequence.to_be_bytes());
        }
        drop(ledger);
        venue
    }

    fn server(faults: RerequestFaults) -> RerequestServer {
        RerequestServer::new(RerequestOptions {
            history_messages: u64::MAX,
            packet_bytes_max: 1_472,
            faults,
            seed: 1,
            number: 0,
        })
    }

    fn ask(
        server: &mut RerequestServer,
        venue: &Venue,
        session: Session,
        sequence: u64,
        count: u16,
    ) -> Vec<Answer> {
        let request = Request {
            session,
            sequence,
            count,
        };
        let mut answers = Vec::new();
        server.on_request(5, false, &request.encode(), &venue.lock(), |answer| {
            answers.push(answer);
        });
        answers
    }

    /// The numbers of the messages in an answer, each of which says its own.
    fn numbers(answer: &Answer) -> Vec<u64> {
        let packet = Packet::parse(&answer.payload).unwrap();
        assert_eq!(packet.session, SESSION);
        let numbers: Vec<u64> = packet
            .messages()
            .map(|message| u64::from_be_bytes(message.bytes.try_into().unwrap()))
            .collect();
        let expected: Vec<u64> = (packet.sequence..).take(numbers.len()).collect();
        assert_eq!(numbers, expected, "each message under its own number");
        let PacketKind::Data { count } = packet.kind else {
            panic!("no data")
        };
        assert_eq!(usize::from(count), numbers.len());
        numbers
    }

    #[test]
    fn an_answer_has_what_was_asked_for_or_as_much_as_fits() {
        let venue = venue(1, 1_000, 1_000);
        let mut server = server(RerequestFaults::default());
        let answers = ask(&mut server, &venue, SESSION, 10, 3);
        assert_eq!(answers.len(), 1);
        assert_eq!(
            (answers[0].at_ns, numbers(&answers[0])),
            (5, vec![10, 11, 12])
        );
        // 20 bytes of header and 145 messages of 10 bytes with their lengths.
        let answers = ask(&mut server, &venue, SESSION, 1, 1_000);
        assert_eq!(numbers(&answers[0]), (1..=145).collect::<Vec<_>>());
        // Beyond the last message there is nothing yet.
        let answers = ask(&mut server, &venue, SESSION, 999, 10);
        assert_eq!(numbers(&answers[0]), [999, 1_000]);
        let counts = server.counts();
        assert_eq!((counts.requests, counts.answered), (3, 3));
        assert_eq!(
            (counts.messages_requested, counts.messages_answered),
            (1_013, 150)
        );
    }

    #[test]
    fn what_cannot_be_answered_is_silence_with_a_reason() {
        let venue = venue(1, 100, 50);
        venue.lock().add(111, &111_u64.to_be_bytes());
        let mut server = server(RerequestFaults::default());
        let other = Session(*b"TEST 1    ");
        for (session, sequence, count) in [
            (SESSION, 50, 10),
            (SESSION, 105, 1),
            (SESSION, 112, 1),
            (other, 100, 1),
            (SESSION, 100, 0),
        ] {
            assert_eq!(ask(&mut server, &venue, session, sequence, count), []);
        }
        let request = Request {
            session: SESSION,
            sequence: 100,
            count: 1,
        };
        let nothing = |answer| panic!("{answer:?}");
        server.on_request(0, true, &request.encode(), &venue.lock(), nothing);
        server.on_request(0, false, b"hello", &venue.lock(), nothing);
        let counts = server.counts();
        assert_eq!(
            *counts,
            RerequestCounts {
                requests: 7,
                messages_requested: 13,
                malformed: 2,
                while_down: 1,
                other_session: 1,
                too_old: 1,
                not_yet: 1,
                missing: 1,
                ..RerequestCounts::default()
            }
        );
        assert_eq!(counts.accounted(), counts.requests);
        // An answer ends before a hole.
        let answers = ask(&mut server, &venue, SESSION, 99, 20);
        assert_eq!(numbers(&answers[0]), [99, 100]);
    }

    #[test]
    fn a_server_with_a_shorter_history_than_the_exchange_says_less() {
        let venue = venue(1, 100, 100);
        let mut server = RerequestServer::new(RerequestOptions {
            history_messages: 10,
            ..server(RerequestFaults::default()).options
        });
        assert_eq!(ask(&mut server, &venue, SESSION, 90, 1), []);
        assert_eq!(ask(&mut server, &venue, SESSION, 91, 1).len(), 1);
        assert_eq!(server.counts().too_old, 1);
    }

    #[test]
    fn the_last_numbers_of_all_can_be_had() {
        let first = u64::MAX - 10;
        let venue = venue(first, 10, 100);
        let mut server = server(RerequestFaults::default());
        let answers = ask(&mut server, &venue, SESSION, first + 8, 2);
        assert_eq!(numbers(&answers[0]), [u64::MAX - 2, u64::MAX - 1]);
        assert_eq!(ask(&mut server, &venue, SESSION, u64::MAX, 1), []);
    }

    #[test]
    fn each_wrong_answer_is_wrong_in_its_own_way() {
        let venue = venue(1, 100, 100);
        let always = |set: fn(&mut RerequestFaults)| {
            let mut faults = RerequestFaults::default();
            set(&mut faults);
            let mut server = server(faults);
            let answers = ask(&mut server, &venue, SESSION, 50, 5);
            assert_eq!(server.counts().accounted(), 1);
            assert_eq!((server.counts().answered, answers.len()), (0, 1));
            answers[0].payload.clone()
        };
        let other_session = always(|faults| faults.other_session = 1.0);
        assert_ne!(Packet::parse(&other_session).unwrap().session, SESSION);
        let payload = always(|faults| faults.other_range = 1.0);
        assert_eq!(numbers(&Answer { at_ns: 0, payload }), [45, 46, 47, 48, 49]);
        let cut = always(|faults| faults.cut = 1.0);
        let mut messages = Packet::parse(&cut).unwrap().messages();
        assert_eq!(messages.by_ref().count(), 4);
        assert!(messages.walked().cut_at.is_some());
        let garbage = always(|faults| faults.garbage = 1.0);
        assert!(Packet::parse(&garbage).is_ok_and(|packet| packet.session != SESSION));
    }

    proptest! {
        /// A seed decides all, and every request comes to one end.
        #[test]
        fn every_request_is_accounted_for(
            seed: u64,
            rates in prop::array::uniform6(0.0..0.7),
            requests in prop::collection::vec((0_u64..140, 0_u16..20, any::<bool>()), 1..60),
        ) {
            let [loss, other_session, other_range, cut, garbage, duplicate] = rates;
            let faults = RerequestFaults {
                loss, other_session, other_range, cut, garbage, duplicate, delay_ns: 7, jitter_ns: 100,
            };
            let venue = venue(20, 80, 60);
            let run = || {
                let mut server = RerequestServer::new(RerequestOptions { seed, ..server(faults).options });
                let mut answers = Vec::new();
                for (sequence, count, down) in &requests {
                    let request = Request { session: SESSION, sequence: *sequence, count: *count };
                    server.on_request(10, *down, &request.encode(), &venue.lock(), |answer| answers.push(answer));
                }
                (answers, server.counts().clone())
            };
            let (answers, counts) = run();
            prop_assert_eq!(counts.requests, requests.len() as u64);
            prop_assert_eq!(counts.accounted(), counts.requests);
            let sent = counts.answered + counts.sent_other_session + counts.sent_other_range
                + counts.sent_cut + counts.sent_garbage + counts.duplicated;
            prop_assert_eq!(answers.len() as u64, sent);
            prop_assert!(answers.iter().all(|answer| (17..=117).contains(&answer.at_ns)));
            prop_assert_eq!(run(), (answers, counts));
        }
    }
}
