//! Which queues want a record: by its instrument, and by its class.
//!
//! Every queue of a worker has a bit. A channel keeps a mask for each instrument, worked out once, when the
//! instrument's symbol is learnt; a message costs one load. Symbols that stand in a list are found by hash, globs are
//! tried one after the other. Where some queue chooses classes, a record costs one load more, from a mask for each
//! action, message type or record type.
//!
//! A running channel may get another filter. Its masks are worked out elsewhere, from the symbols that the channel has
//! learnt ([`Symbols`]); the worker only does again what it has learnt since, and goes on with it.

use std::cell::Cell;
use std::collections::HashSet;
use std::sync::Arc;

use super::symbols::{SYMBOL_BYTES_MAX, Symbols};

use gateway_feed::class::{ClassKey, Classes};
use gateway_feed::sink::{InstrumentId, Output, Outputs};

/// Queues a worker can feed: a bit each, the highest bit is [`UNRESOLVED`].
pub const QUEUES_MAX: usize = 63;
/// Instruments with a mask of their own; beyond it (no feed reaches it) an instrument counts as unresolved.
pub(super) const INSTRUMENTS: usize = 1 << 16;
/// Set while an instrument's symbol is unknown and some queue would ask for it.
const UNRESOLVED: u64 = 1 << 63;
/// Stands for '/' in patterns and symbols: the glob library treats it as a path's separator.
const SLASH: u8 = 0x1F;

/// What one queue wants of a channel.
#[derive(Debug, Clone)]
pub struct Want {
    /// The queue's position among the worker's, below [`QUEUES_MAX`].
    pub queue: usize,
    /// How it wants messages expressed.
    pub output: Output,
    /// Symbols and globs.
    pub symbols: Vec<String>,
    /// Classes of records; those about the channel come in any case.
    pub classes: Classes,
    /// Whether other channels' records go there as well.
    pub shared: bool,
}

/// The queues of one channel, and what each wants.
#[derive(Debug)]
pub struct Filter {
    /// By instrument id.
    masks: Box<[u64]>,
    all: u64,
    /// Those that no other channel goes to.
    own: u64,
    plain: u64,
    full: u64,
    native: u64,
    /// Mask of an instrument whose symbol is unknown.
    unknown: u64,
    lists: Vec<List>,
    /// Where some queue does not want every class.
    classes: Option<Box<ClassMasks>>,
    unresolved: Cell<u64>,
    /// What was learnt, and when each was.
    symbols: Arc<Symbols>,
    learnt_at: Box<[u64]>,
    /// Up to which of the symbols' changes the masks are worked out.
    as_of: u64,
}

/// The queues that want a class, a bit each, by what tells a record's class.
#[derive(Debug)]
struct ClassMasks {
    /// Where in a message its type's byte is.
    type_at: u8,
    actions: [u64; 256],
    messages: [u64; 256],
    types: [u64; 256],
}

/// A queue that does not take everything.
#[derive(Debug)]
struct List {
    bit: u64,
    exact: HashSet<Box<[u8]>>,
    globs: Vec<String>,
}

impl Filter {
    /// Prepares for `wants`, on a feed whose messages have the classes that `classes_of` says; takes all memory that
    /// will be needed.
    #[must_use]
    pub fn new(wants: &[Want], classes_of: fn(u8) -> Classes) -> Self {
        let (mut all, mut own, mut wild) = (0, 0, 0);
        let (mut plain, mut full, mut native) = (0, 0, 0);
        let mut lists = Vec::new();
        for want in wants {
            debug_assert!(want.queue < QUEUES_MAX);
            let bit = 1u64 << want.queue;
            all |= bit;
            if !want.shared {
                own |= bit;
            }
            match want.output {
                Output::Native => native |= bit,
                Output::Plain => plain |= bit,
                Output::Full => full |= bit,
            }
            if want.symbols.iter().any(|symbol| symbol == "*") {
                wild |= bit;
            } else {
                lists.push(List::new(bit, &want.symbols));
            }
        }
        let unknown = if wild == all { all } else { wild | UNRESOLVED };
        let mut masks = vec![unknown; INSTRUMENTS].into_boxed_slice();
        // Id 0 is no instrument: the message concerns the market, and every queue of the channel.
        masks[0] = all;
        Self {
            masks,
            all,
            own,
            plain,
            full,
            native,
            unknown,
            lists,
            classes: ClassMasks::new(wants, classes_of),
            unresolved: Cell::new(0),
            symbols: Arc::new(Symbols::new()),
            learnt_at: vec![0; INSTRUMENTS].into_boxed_slice(),
            as_of: 0,
        }
    }

    /// A filter to take another's place while its worker runs, worked out for what has been learnt so far.
    #[must_use]
    pub fn successor(
        wants: &[Want],
        classes_of: fn(u8) -> Classes,
        symbols: &Arc<Symbols>,
    ) -> Self {
        let mut filter = Self::new(wants, classes_of);
        filter.symbols = Arc::clone(symbols);
        filter.as_of = symbols.changes();
        for number in 1..INSTRUMENTS {
            let (symbol, length) = symbols.get(number);
            if length > 0 {
                filter.masks[number] = filter.resolve(&symbol[..length]);
            }
        }
        filter
    }

    /// The same, of a feed whose messages have the byte of their type at `type_at` instead of first.
    #[must_use]
    pub fn with_type_at(mut self, type_at: u8) -> Self {
        if let Some(classes) = &mut self.classes {
            classes.type_at = type_at;
        }
        self
    }

    /// What the channel has learnt, for whoever makes a successor.
    #[must_use]
    pub fn symbols(&self) -> Arc<Symbols> {
        Arc::clone(&self.symbols)
    }

    /// Goes on as `successor`, which becomes what this was: nothing is freed.
    pub(crate) fn give_way_to(&mut self, successor: &mut Self) {
        std::mem::swap(&mut self.learnt_at, &mut successor.learnt_at);
        for number in 1..INSTRUMENTS {
            if successor.learnt_at[number] > successor.as_of {
                let (symbol, length) = self.symbols.get(number);
                successor.masks[number] = match length {
                    0 => successor.unknown,
                    length => successor.resolve(&symbol[..length]),
                };
            }
        }
        successor.unresolved.set(self.unresolved.get());
        std::mem::swap(self, successor);
    }

    /// Which outputs any queue wants of `instrument`; counts a message that a queue may miss because the symbol is not
    /// known. Called once a message.
    #[inline]
    pub(crate) fn wants(&self, instrument: InstrumentId) -> Outputs {
        let mask = self.mask(instrument);
        if mask & UNRESOLVED != 0 {
            self.unresolved.set(self.unresolved.get() + 1);
        }
        let mut outputs = Outputs::NONE;
        if mask & self.plain != 0 {
            outputs = outputs.with(Output::Plain);
        }
        if mask & self.full != 0 {
            outputs = outputs.with(Output::Full);
        }
        if mask & self.native != 0 {
            outputs = outputs.with(Output::Native);
        }
        outputs
    }

    /// The queues that get a record of `output` about `instrument`, a bit each.
    #[inline]
    pub(crate) fn queues(&self, output: Output, instrument: InstrumentId, words: &[u64]) -> u64 {
        let queues = self.mask(instrument)
            & match output {
                Output::Native => self.native,
                Output::Plain => self.plain,
                Output::Full => self.full,
            };
        match &self.classes {
            None => queues,
            Some(classes) => queues & classes.mask(words),
        }
    }

    /// Every queue of the channel, a bit each.
    #[inline]
    pub(crate) const fn all(&self) -> u64 {
        self.all
    }

    /// Every queue of the channel that is of no other, a bit each.
    pub(crate) const fn own(&self) -> u64 {
        self.own
    }

    /// Learns an instrument's symbol; an empty one forgets it.
    pub(crate) fn learn(&mut self, instrument: InstrumentId, symbol: &[u8]) {
        let mask = if symbol.is_empty() {
            self.unknown
        } else {
            self.resolve(symbol)
        };
        let number = instrument.0 as usize;
        if let Some(entry) = self.masks.get_mut(number)
            && number != 0
        {
            *entry = mask;
            self.learnt_at[number] = self.symbols.put(number, symbol);
        }
    }

    /// Messages about instruments of unknown symbol, while a queue asks for symbols.
    pub(crate) fn unresolved(&self) -> u64 {
        self.unresolved.get()
    }

    #[inline]
    fn mask(&self, instrument: InstrumentId) -> u64 {
        self.masks
            .get(instrument.0 as usize)
            .copied()
            .unwrap_or(self.unknown)
    }

    fn resolve(&self, symbol: &[u8]) -> u64 {
        let mut mask = self.unknown & !UNRESOLVED;
        let mut buffer = [0; SYMBOL_BYTES_MAX];
        let Some(text) = buffer.get_mut(..symbol.len()) else {
            return mask;
        };
        for (to, from) in text.iter_mut().zip(symbol) {
            *to = if *from == b'/' { SLASH } else { *from };
        }
        for list in &self.lists {
            let wanted = list.exact.contains(symbol)
                || list
                    .globs
                    .iter()
                    .any(|glob| fast_glob::glob_match(glob, &*text));
            if wanted {
                mask |= list.bit;
            }
        }
        mask
    }
}

impl ClassMasks {
    fn new(wants: &[Want], classes_of: fn(u8) -> Classes) -> Option<Box<Self>> {
        let all = |want: &Want| want.classes | Classes::CONTROL == Classes::ALL;
        if wants.iter().all(all) {
            return None;
        }
        let mask = |classes: Classes| {
            let wanting = wants.iter().filter(|want| want.classes.meets(classes));
            wanting.fold(0, |mask, want| mask | 1 << want.queue)
        };
        let table = |classes_of: fn(u8) -> Classes| {
            let mut table = [0; 256];
            for (byte, entry) in (0..=u8::MAX).zip(&mut table) {
                *entry = mask(classes_of(byte));
            }
            table
        };
        Some(Box::new(Self {
            type_at: 0,
            actions: table(Classes::of_action),
            messages: table(classes_of),
            types: table(Classes::of_type),
        }))
    }

    #[inline]
    fn mask(&self, words: &[u64]) -> u64 {
        match ClassKey::of(words, self.type_at) {
            ClassKey::Action(action) => self.actions[usize::from(action)],
            ClassKey::Message(message) => self.messages[usize::from(message)],
            ClassKey::Type(kind) => self.types[usize::from(kind)],
        }
    }
}

impl List {
    fn new(bit: u64, symbols: &[String]) -> Self {
        let is_glob = |symbol: &&String| symbol.contains(['*', '?', '[', ']', '{', '}', '!', '\\']);
        Self {
            bit,
            exact: symbols
                .iter()
                .filter(|symbol| !is_glob(symbol))
                .map(|symbol| symbol.as_bytes().into())
                .collect(),
            globs: symbols
                .iter()
                .filter(is_glob)
                .map(|symbol| symbol.replace('/', "\u{1F}"))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use gateway_feed::itch50;

    use super::*;

    fn want(queue: usize, output: Output, symbols: &[&str]) -> Want {
        Want {
            queue,
            output,
            symbols: symbols.iter().map(|&s| s.to_owned()).collect(),
            classes: Classes::ALL,
            shared: false,
        }
    }

    fn filter_of(wants: &[Want]) -> Filter {
        Filter::new(wants, itch50::classes)
    }

    fn plain(filter: &Filter, id: u32) -> u64 {
        filter.queues(Output::Plain, InstrumentId(id), &[])
    }

    #[test]
    fn lists_and_globs_choose_instruments_once_their_symbol_is_known() {
        let mut filter = filter_of(&[
            want(0, Output::Plain, &["*"]),
            want(1, Output::Plain, &["AAPL", "MSFT"]),
            want(2, Output::Plain, &["A*", "BRK/?", "{SPY,QQQ}"]),
        ]);
        assert_eq!(plain(&filter, 7), 0b001);
        for (id, symbol, mask) in [
            (1, "AAPL", 0b111),
            (2, "MSFT", 0b011),
            (3, "SPY", 0b101),
            (4, "BRK/A", 0b101),
            (5, "AB/C", 0b101),
            (6, "ZZZ", 0b001),
        ] {
            filter.learn(InstrumentId(id), symbol.as_bytes());
            assert_eq!(plain(&filter, id), mask, "{symbol}");
        }
        filter.learn(InstrumentId(1), b"");
        assert_eq!(plain(&filter, 1), 0b001);
    }

    #[test]
    fn only_messages_that_a_queue_may_miss_count_as_unresolved() {
        let mut filter = filter_of(&[
            want(0, Output::Plain, &["*"]),
            want(1, Output::Native, &["X"]),
        ]);
        assert!(!filter.wants(InstrumentId(9)).contains(Output::Native));
        assert_eq!(filter.unresolved(), 1);
        filter.learn(InstrumentId(9), b"X");
        assert!(filter.wants(InstrumentId(9)).contains(Output::Native));
        let _ = filter.wants(InstrumentId(0));
        assert_eq!(filter.unresolved(), 1);

        let wild = filter_of(&[want(0, Output::Plain, &["*"])]);
        let _ = wild.wants(InstrumentId(70_000));
        assert_eq!(wild.unresolved(), 0);
    }

    #[test]
    fn a_successor_knows_what_was_learnt_before_and_while_it_was_made() {
        let mut filter = filter_of(&[want(0, Output::Plain, &["A*"])]);
        filter.learn(InstrumentId(1), b"AAPL");
        filter.learn(InstrumentId(2), b"MSFT");
        filter.learn(InstrumentId(3), b"GONE");
        assert_eq!(plain(&filter, 2), 0);
        let wants = [want(0, Output::Plain, &["M*", "NEW", "X/Y"])];
        let mut successor = Filter::successor(&wants, itch50::classes, &filter.symbols());
        // Learnt by the worker while the successor was made, or was on its way.
        filter.learn(InstrumentId(3), b"");
        filter.learn(InstrumentId(4), b"NEW");
        filter.learn(InstrumentId(5), b"X/Y");
        let _ = filter.wants(InstrumentId(9));
        assert_eq!(filter.unresolved(), 1);
        filter.give_way_to(&mut successor);
        let masks: Vec<u64> = (1..=5).map(|id| plain(&filter, id)).collect();
        assert_eq!(masks, [0, 1, 0, 1, 1]);
        assert_eq!(filter.unresolved(), 1);
        // It learns as the one before did, and a third one knows all of it.
        filter.learn(InstrumentId(6), b"MU");
        let mut third = Filter::successor(
            &[want(0, Output::Plain, &["MU", "AAPL"])],
            itch50::classes,
            &filter.symbols(),
        );
        filter.give_way_to(&mut third);
        let masks: Vec<u64> = (1..=6).map(|id| plain(&filter, id)).collect();
        assert_eq!(masks, [1, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn what_concerns_no_instrument_reaches_every_queue() {
        let mut filter = filter_of(&[
            want(3, Output::Plain, &["X"]),
            want(62, Output::Native, &["Y"]),
        ]);
        filter.learn(InstrumentId(0), b"Z");
        assert_eq!(plain(&filter, 0), 1 << 3);
        assert_eq!(filter.queues(Output::Native, InstrumentId(0), &[]), 1 << 62);
        assert_eq!(filter.all(), 1 << 3 | 1 << 62);
    }

    /// The first words of a record: an order record's action, or a native record's message type.
    fn words(rtype: u8, byte: u8) -> [u64; 7] {
        let mut words = [0; 7];
        words[0] = u64::from(rtype) << 8;
        match rtype {
            0xA0 => words[4] = u64::from(byte) << 48,
            _ => words[2] = u64::from(byte),
        }
        words
    }

    #[test]
    fn classes_choose_records_and_leave_queues_without_a_choice_alone() {
        let class = |queue, output, classes| Want {
            classes,
            ..want(queue, output, &["*"])
        };
        let filter = filter_of(&[
            want(0, Output::Plain, &["*"]),
            class(1, Output::Plain, Classes::TRADES),
            class(2, Output::Plain, Classes::ORDERS | Classes::DEFINITIONS),
            class(3, Output::Native, Classes::TRADES),
            class(4, Output::Native, Classes::OTHER),
            class(5, Output::Plain, Classes::CONTROL),
        ]);
        let queues =
            |output, rtype, byte| filter.queues(output, InstrumentId(1), &words(rtype, byte));
        for (rtype, byte, mask) in [
            (0xA0, b'A', 0b000101),
            (0xA0, b'T', 0b000011),
            (0xA0, b'F', 0b000101),
            (0xA0, b'C', 0b000101),
            (0xA0, b'R', 0b000101),
            (0x13, 0, 0b000101),
            (0x12, 0, 0b000001),
            (0x14, 0, 0b000001),
            // A message without a counterpart, in a queue of normalised records.
            (0xF1, b'L', 0b000001),
        ] {
            assert_eq!(
                queues(Output::Plain, rtype, byte),
                mask,
                "{rtype:#x} {byte}"
            );
        }
        for (message, mask) in [
            (b'A', 0),
            (b'E', 0b01000),
            (b'C', 0b01000),
            (b'P', 0b01000),
            (b'S', 0b10000),
            (b'R', 0),
        ] {
            assert_eq!(queues(Output::Native, 0xF1, message), mask, "{message}");
        }
        // About the channel: everybody, whatever was chosen.
        assert_eq!(filter.all(), 0b111111);
    }
}
