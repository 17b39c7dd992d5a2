//! Who comes first, and after whom.
//!
//! Rotation alone (A B C, B C A, …) keeps neighbours together: of two copies of one runtime the second, which
//! nearly always came right after the first and found its files and caches warm, was measured as faster. A
//! Williams design (1949) lets each follow each of the others equally often.

/// The numbers below `count` in the order of `round`: over twice `count` rounds, each is at each place equally
/// often, and comes right after each of the others equally often.
pub(super) fn of_round(round: usize, count: usize) -> Vec<usize> {
    // 0, 1, n-1, 2, n-2, …: the steps between neighbours are all different.
    let zigzag = (0..count).map(|place| match place % 2 {
        0 => (count - place / 2) % count,
        _ => place.div_ceil(2),
    });
    let mut order: Vec<usize> = zigzag.map(|who| (who + round / 2) % count).collect();
    if round % 2 == 1 {
        order.reverse();
    }
    order
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn places_and_neighbours_are_shared_out_evenly() {
        for count in 2..=8 {
            let mut places = BTreeMap::new();
            let mut pairs = BTreeMap::new();
            for round in 0..2 * count {
                let order = of_round(round, count);
                for (place, who) in order.iter().enumerate() {
                    *places.entry((place, *who)).or_insert(0) += 1;
                }
                for pair in order.windows(2) {
                    *pairs.entry((pair[0], pair[1])).or_insert(0) += 1;
                }
            }
            assert_eq!(places.len(), count * count);
            assert_eq!(pairs.len(), count * (count - 1));
            assert!(
                places
                    .values()
                    .chain(pairs.values())
                    .all(|times| *times == 2)
            );
        }
    }

    #[test]
    fn one_and_none_have_an_order() {
        assert_eq!(of_round(3, 1), [0]);
        assert!(of_round(3, 0).is_empty());
    }
}
