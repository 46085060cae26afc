//! Records that are the exchange's own bytes.

use crate::record::NativeHeader;
use crate::sink::{InstrumentId, MessageContext, Output, RecordSink};

/// Publishes `message` as a native record: header, the exchange's bytes, zeros up to a whole word. `WORDS` is room for
/// the longest message of the feed, [`NativeHeader::words_for`] its length; a longer one is cut.
#[inline]
pub fn publish<const WORDS: usize, S: RecordSink>(
    output: Output,
    instrument: InstrumentId,
    context: &MessageContext,
    message: &[u8],
    sink: &mut S,
) {
    let mut words = [0; WORDS];
    if let [head, ts_recv, body @ ..] = words.as_mut_slice() {
        [*head, *ts_recv] = NativeHeader::words(message.len(), instrument, context.ts_recv);
        let (chunks, rest) = message.as_chunks::<8>();
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        for (word, chunk) in body.iter_mut().zip(chunks.iter().chain([&last])) {
            *word = u64::from_le_bytes(*chunk);
        }
    }
    sink.publish(
        output,
        instrument,
        &words[..NativeHeader::words_for(message.len()).min(WORDS)],
    );
}
