//! What the books have met.

/// Counts since the books were made; the first three are as of now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BookCounters {
    /// Orders that rest now.
    pub orders: u64,
    /// Levels that there are now.
    pub levels: u64,
    /// Instruments that have a book.
    pub instruments: u64,
    /// Records that were handed in, each of which is also counted under at most one of the next three.
    pub records: u64,
    /// Records of a type that says nothing about books.
    pub ignored: u64,
    /// Records whose length contradicts their type, or whose action no order record has.
    pub malformed: u64,
    /// Records of another publisher.
    pub foreign: u64,
    /// Records about an order that is not known, or is one of another instrument.
    pub unknown_orders: u64,
    /// Orders added under the reference of one that rested: the older one was forgotten.
    pub duplicate_orders: u64,
    /// Reductions by more than was left: the order is gone.
    pub overdrawn: u64,
    /// Reductions that named another side or price than the order's own, which counts.
    pub contradictions: u64,
    /// Records without the side, price or size that it takes to apply them.
    pub incomplete: u64,
    /// Orders for which there was no place.
    pub orders_overflowed: u64,
    /// Orders for whose level there was no place.
    pub levels_overflowed: u64,
    /// Records of instruments for which there was no place.
    pub instruments_overflowed: u64,
    /// Times that a book was found crossed while its instrument traded.
    pub crossed: u64,
    /// Times that a channel told of lost messages.
    pub gaps: u64,
    /// Times that records were lost before they came here.
    pub losses: u64,
    /// Snapshots of a channel that were taken whole.
    pub snapshots: u64,
}
