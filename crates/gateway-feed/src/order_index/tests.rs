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
    Get(u64),
    Clear,
}

fn step(references: impl Strategy<Value = u64> + Clone) -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (references.clone(), 0..1_000_u32).prop_map(|(reference, size)| Step::Insert(reference, size)),
        3 => (references.clone(), 0..600_u32).prop_map(|(reference, size)| Step::Reduce(reference, size)),
        3 => references.clone().prop_map(Step::Remove),
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
    fn references_that_collide_are_found_or_refused(steps in vec(step((0..400_u64).prop_map(colliding)), 0..1_500)) {
        play(4_000, &steps);
    }
}

/// References which the spread maps to neighbours: the multiplier's inverse undoes it.
fn colliding(number: u64) -> u64 {
    const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
    // Newton's iteration doubles the correct low bits each time; five are right to begin with.
    let inverse = (0..5).fold(GOLDEN, |x: u64, _| {
        x.wrapping_mul(2_u64.wrapping_sub(GOLDEN.wrapping_mul(x)))
    });
    (number << 20 | 7).wrapping_mul(inverse)
}

#[test]
fn a_full_chain_refuses_and_recovers() {
    let mut index = OrderIndex::new(100_000).unwrap();
    let places = PROBES_MAX as u64 * 3;
    for number in 0..places {
        assert_eq!(
            index.insert(colliding(number), order(1, 1)),
            Insertion::New,
            "{number}"
        );
    }
    assert_eq!(
        index.insert(colliding(places), order(1, 1)),
        Insertion::Full
    );
    assert_eq!(index.get(colliding(places)), None);
    assert_eq!(index.remove(colliding(5)), Some(order(1, 1)));
    assert_eq!(index.insert(colliding(places), order(2, 2)), Insertion::New);
    for number in (0..=places).filter(|&number| number != 5) {
        assert!(index.remove(colliding(number)).is_some(), "{number}");
    }
    assert!(index.is_empty());
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
    let mut index = OrderIndex::new(300_000).unwrap();
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut resting = std::collections::VecDeque::new();
    let mut refused = 0;
    for _ in 0..1_500_000 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        match index.insert(state, order(1, 1)) {
            Insertion::New => resting.push_back(state),
            Insertion::Replaced(_) => unreachable!("the generator does not repeat itself"),
            Insertion::Full => refused += 1,
        }
        if resting.len() == 300_000 {
            let oldest = resting.pop_front().unwrap();
            assert_eq!(index.remove(oldest), Some(order(1, 1)));
        }
    }
    assert_eq!(refused, 0);
}

#[test]
fn generations_begin_anew_when_their_numbers_are_used_up() {
    let mut index = OrderIndex::new(10).unwrap();
    index.insert(1, order(1, 1));
    index.generation = u32::MAX;
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
