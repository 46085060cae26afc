#![allow(clippy::unwrap_used)]

use std::collections::HashMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn order(price: u32, size: u32) -> RestingOrder {
    RestingOrder {
        price,
        size,
        instrument: (price % 9_000) as u16,
        side: [Side::Bid, Side::Ask, Side::None][price as usize % 3],
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Insert(u64, u32),
    Reduce(u64, u32),
    Remove(u64),
    /// A reference, whether an order of that size is added, and the instrument of an order that is to be taken off, where
    /// it is not that of the one that rests.
    Exchange(u64, Option<u32>, Option<u16>),
    Get(u64),
    Clear,
}

fn step(references: impl Strategy<Value = u64> + Clone) -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (references.clone(), 0..1_000_u32).prop_map(|(reference, size)| Step::Insert(reference, size)),
        3 => (references.clone(), 0..600_u32).prop_map(|(reference, size)| Step::Reduce(reference, size)),
        3 => references.clone().prop_map(Step::Remove),
        4 => (references.clone(), 0..1_000_u32).prop_map(|(reference, size)| Step::Exchange(reference, Some(size), None)),
        3 => references.clone().prop_map(|reference| Step::Exchange(reference, None, None)),
        1 => (references.clone(), any::<u16>()).prop_map(|(reference, instrument)| Step::Exchange(reference, None, Some(instrument))),
        1 => references.prop_map(Step::Get),
    ]
}

/// Plays `steps` on an index and on a map, which must agree as long as the index refuses nothing; returns how many
/// orders it refused.
fn play(orders_max: u32, steps: &[Step]) -> usize {
    let mut index = OrderIndex::new(orders_max).unwrap();
    let mut model = HashMap::new();
    let mut refused = 0;
    for &step in steps {
        match step {
            Step::Insert(reference, size) => {
                let order = order(reference as u32 ^ size, size);
                match index.insert(reference, order) {
                    Insertion::New => assert_eq!(model.insert(reference, order), None),
                    Insertion::Replaced(before) => {
                        assert_eq!(model.insert(reference, order), Some(before));
                    }
                    Insertion::Full => {
                        assert!(
                            !model.contains_key(&reference),
                            "what is known is never refused"
                        );
                        refused += 1;
                    }
                }
            }
            Step::Reduce(reference, size) => {
                let before = model.get(&reference).copied();
                assert_eq!(index.reduce(reference, size), before);
                match model.get_mut(&reference) {
                    Some(order) if order.size > size => order.size -= size,
                    _ => drop(model.remove(&reference)),
                }
            }
            Step::Remove(reference) => {
                assert_eq!(index.remove(reference), model.remove(&reference))
            }
            Step::Exchange(reference, Some(size), _) => {
                let order = order(reference as u32 ^ size, size);
                if let Some(added) = index.exchange(reference, Choice::YES, order) {
                    assert_eq!(added, order);
                    assert_eq!(model.insert(reference, order), None);
                }
            }
            Step::Exchange(reference, None, instrument) => {
                let known = model.get(&reference).copied();
                let named = known.map_or(1, |order| order.instrument);
                let anything = RestingOrder {
                    instrument: instrument.unwrap_or(named),
                    ..order(7, 7)
                };
                if let Some(before) = index.exchange(reference, Choice::NO, anything) {
                    assert_eq!(Some(before), known);
                    assert_eq!(before.instrument, anything.instrument);
                    model.remove(&reference);
                }
            }
            Step::Get(reference) => {
                assert_eq!(index.get(reference), model.get(&reference).copied())
            }
            Step::Clear => {
                index.clear();
                model.clear();
            }
        }
        assert_eq!(index.len() as usize, model.len());
    }
    for (&reference, &order) in &model {
        assert_eq!(index.get(reference), Some(order));
    }
    refused
}

proptest! {
    #[test]
    fn it_is_a_map(steps in vec(prop_oneof![40 => step(0..500_u64), 1 => Just(Step::Clear)], 0..2_000)) {
        // Room for every reference there is, and more: nothing is refused.
        prop_assert_eq!(play(2_000, &steps), 0);
    }

    #[test]
    fn it_is_a_map_with_bounds(steps in vec(prop_oneof![60 => step(any::<u64>()), 60 => step(0..90_u64), 1 => Just(Step::Clear)], 0..1_000)) {
        play(40, &steps);
    }

    /// References that an enemy chose so that all belong into one bucket.
    #[test]
    fn references_that_collide_are_found_or_refused(steps in vec(step((0..400_u32).prop_map(|tag| reference(7, tag))), 0..1_500)) {
        play(SMALL, &steps);
    }

    /// A few buckets side by side, in which orders have the same tags: those that belong there, those that went on from
    /// their neighbours, and wide ones whose lower bits are the same.
    #[test]
    fn equal_tags_are_told_apart(steps in vec(step(references_alike()), 0..1_500)) {
        play(SMALL, &steps);
    }

    #[test]
    fn wide_references_that_collide_are_found_or_refused(steps in vec(step((1..200_u64).prop_map(|high| reference(7, 7) | high << NARROW_BITS)), 0..1_500)) {
        play(SMALL, &steps);
    }
}

/// Orders that the smallest index is made for.
const SMALL: u32 = 1_500;
/// Bits of its narrow references.
const NARROW_BITS: u32 = 42;

fn references_alike() -> impl Strategy<Value = u64> + Clone {
    (0..4_usize, 0..7_u32, 0..8_u64)
        .prop_map(|(home, tag, high)| reference(home, tag) | high.saturating_sub(4) << NARROW_BITS)
}

/// The narrow reference that belongs into bucket `home` of the smallest index and has that tag there.
fn reference(home: usize, tag: u32) -> u64 {
    let product = (home as u64) << 32 | u64::from(tag);
    product.wrapping_mul(inverse(NARROW_BITS)) & ((1 << NARROW_BITS) - 1)
}

/// Undoes the multiplication that spreads narrow references of that many bits.
fn inverse(bits: u32) -> u64 {
    let multiplier = memory::GOLDEN >> (u64::BITS - bits) | 1;
    // Newton's iteration doubles the correct low bits each time; three are right to begin with.
    (0..5).fold(multiplier, |x: u64, _| {
        x.wrapping_mul(2_u64.wrapping_sub(multiplier.wrapping_mul(x)))
    })
}

#[test]
fn a_reference_is_its_home_and_its_tag() {
    let index = OrderIndex::new(SMALL).unwrap();
    for (home, tag) in [(0, 0), (0, 1), (1, 0), (1_023, u32::MAX), (77, 0x8000_0000)] {
        let reference = reference(home, tag);
        let (found, key) = index.buckets.home(reference);
        assert!(matches!(key, bucket::Key::Narrow(found) if found == tag));
        assert_eq!(found, home);
        let (found, key) = index.buckets.home(reference | 1 << NARROW_BITS);
        assert!(matches!(key, bucket::Key::Wide(_)));
        assert_eq!(found, home);
    }
}

proptest! {
    /// Whatever the number of buckets: references that differ, even if only by the least that products can, differ in
    /// home or tag.
    #[test]
    fn no_two_references_are_taken_for_one(orders_max in 1..300_000_u32, first: u64, second: u64, near in 1..100_u64) {
        let index = OrderIndex::new(orders_max).unwrap();
        let narrow = |reference: u64| {
            let (home, key) = index.buckets.home(reference);
            match key {
                bucket::Key::Narrow(tag) => Some((home, tag)),
                bucket::Key::Wide(_) => None,
            }
        };
        let bits = 32 + index.buckets.total().ilog2();
        let low = |reference: u64| reference & ((1 << bits) - 1);
        let step = inverse(bits).wrapping_mul(near);
        for (one, other) in [(low(first), low(second)), (low(first), low(low(first).wrapping_add(step)))] {
            prop_assert!(narrow(one).is_some() && narrow(other).is_some());
            prop_assert_eq!(one == other, narrow(one) == narrow(other));
        }
        prop_assert_eq!(narrow(low(first) | 1 << bits), None);
    }
}

#[test]
fn a_full_chain_refuses_and_recovers() {
    let mut index = OrderIndex::new(SMALL).unwrap();
    let places = PROBES_MAX as u32 * 4;
    for tag in 0..places {
        assert_eq!(
            index.insert(reference(7, tag), order(1, 1)),
            Insertion::New,
            "{tag}"
        );
    }
    let more = reference(7, places);
    assert_eq!(index.insert(more, order(1, 1)), Insertion::Full);
    assert_eq!(index.get(more), None);
    assert_eq!(index.remove(reference(7, 5)), Some(order(1, 1)));
    assert_eq!(index.insert(more, order(2, 2)), Insertion::New);
    for tag in (0..=places).filter(|&tag| tag != 5) {
        assert!(index.remove(reference(7, tag)).is_some(), "{tag}");
    }
    assert!(index.is_empty());
}

#[test]
fn an_exchange_does_what_is_usual_and_leaves_the_rest() {
    let mut index = OrderIndex::new(2).unwrap();
    let (adds, takes) = (Choice::YES, Choice::NO);
    let [first, second] = [order(10, 100), order(11, 200)];
    assert_eq!(index.exchange(7, takes, first), None, "not known");
    assert_eq!(index.exchange(7, adds, first), Some(first));
    assert_eq!(index.exchange(7, adds, second), None, "known");
    assert_eq!(index.exchange(6, adds, second), None, "below the newest");
    assert_eq!(index.exchange(9, adds, second), Some(second));
    assert_eq!(index.exchange(11, adds, second), None, "one too many");
    assert_eq!(index.len(), 2);
    assert_eq!(index.exchange(7, takes, second), None, "another instrument");
    let named = RestingOrder {
        instrument: first.instrument,
        ..order(1, 1)
    };
    assert_eq!(index.exchange(7, takes, named), Some(first));
    assert_eq!(index.exchange(7, takes, named), None, "gone");
    assert_eq!(index.exchange(1 << 60, adds, second), None, "wide");
    assert_eq!((index.get(7), index.get(9)), (None, Some(second)));
    assert_eq!(index.len(), 1);
    index.clear();
    assert_eq!(index.exchange(9, takes, second), None, "forgotten");
}

/// A wide order takes two places that lie side by side.
#[test]
fn wide_orders_take_pairs_of_places() {
    let mut index = OrderIndex::new(SMALL).unwrap();
    let wide = |high: u64| reference(7, 0) | high << NARROW_BITS;
    let pairs = PROBES_MAX as u64 * 2;
    for high in 1..=pairs {
        assert_eq!(
            index.insert(wide(high), order(3, 1)),
            Insertion::New,
            "{high}"
        );
    }
    assert_eq!(index.insert(wide(pairs + 1), order(3, 1)), Insertion::Full);
    assert_eq!(index.insert(reference(7, 0), order(3, 1)), Insertion::Full);
    assert_eq!(index.remove(wide(1)), Some(order(3, 1)));
    for tag in 0..2 {
        assert_eq!(index.insert(reference(7, tag), order(4, 1)), Insertion::New);
    }
    assert_eq!(index.insert(wide(1), order(3, 1)), Insertion::Full);
    for tag in 0..2 {
        assert_eq!(index.remove(reference(7, tag)), Some(order(4, 1)));
    }
    assert_eq!(index.insert(wide(1), order(5, 1)), Insertion::New);
    assert_eq!(index.reduce(wide(2), u32::MAX), Some(order(3, 1)));
    assert_eq!(index.get(wide(1)), Some(order(5, 1)));
}

#[test]
fn as_many_orders_rest_as_it_was_made_for() {
    for orders_max in [1, 2, 7, 1_000, 200_000] {
        let mut index = OrderIndex::new(orders_max).unwrap();
        for reference in 0..u64::from(orders_max) {
            let inserted = index.insert(reference * 3 + 1_000_000, order(5, 6));
            assert_eq!(
                inserted,
                Insertion::New,
                "order {reference} of {orders_max}"
            );
        }
        assert_eq!(index.insert(0, order(5, 6)), Insertion::Full);
        assert_eq!(index.len(), orders_max);
    }
}

/// The claim in the module's description, at the fullest that an index gets.
#[test]
fn an_order_takes_less_than_forty_bytes() {
    for orders_max in [60_000, 850_000] {
        let index = OrderIndex::new(orders_max).unwrap();
        let per_order = index.bytes() as f64 / f64::from(orders_max);
        assert!(per_order <= 40.0, "{per_order} bytes an order");
    }
}

#[test]
fn random_references_find_a_place_at_full_load() {
    assert_eq!(refused_at_load(300_000, |random| random >> 20), 0);
}

/// Wide references need twice the room: three quarters of the orders always have it.
#[test]
fn random_wide_references_find_a_place_at_three_quarters_of_the_load() {
    assert_eq!(refused_at_load(225_000, |random| random | 1 << 63), 0);
}

/// How many orders an index for 300,000 refuses while `resting` rest and come and go at random.
fn refused_at_load(resting_max: usize, reference: impl Fn(u64) -> u64) -> u32 {
    let mut index = OrderIndex::new(300_000).unwrap();
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut resting = std::collections::VecDeque::new();
    let mut refused = 0;
    for _ in 0..1_500_000 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let reference = reference(state);
        match index.insert(reference, order(1, 1)) {
            Insertion::New => resting.push_back(reference),
            Insertion::Replaced(_) => assert!(resting.contains(&reference)),
            Insertion::Full => refused += 1,
        }
        if resting.len() == resting_max {
            let oldest = resting.pop_front().unwrap();
            assert_eq!(index.remove(oldest), Some(order(1, 1)));
        }
    }
    refused
}

#[test]
fn generations_begin_anew_when_their_numbers_are_used_up() {
    let mut index = OrderIndex::new(10).unwrap();
    index.insert(1, order(1, 1));
    index.generation = u16::MAX;
    index.insert(2, order(2, 2));
    index.clear();
    assert_eq!((index.get(1), index.get(2)), (None, None));
    assert_eq!(index.insert(1, order(3, 3)), Insertion::New);
    assert_eq!(index.get(1), Some(order(3, 3)));
}

#[test]
fn a_number_of_orders_out_of_range_is_refused() {
    for orders_max in [0, ORDERS_MAX + 1] {
        let error = OrderIndex::new(orders_max).unwrap_err();
        assert!(
            error.to_string().contains(&orders_max.to_string()),
            "{error}"
        );
    }
}
