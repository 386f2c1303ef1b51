//! One sort for the whole page: the standard one is written out anew for every type and comparison, 5 kB each time.

pub use maec_search::order;

/// A list in ascending order.
pub fn sorted<T: Clone + Ord>(list: &[T]) -> Vec<T> {
    let places = order(list.len(), &|a, b| list[a].cmp(&list[b]));
    places.into_iter().map(|place| list[place].clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_ones_stay_in_place() {
        let list = [3, 1, 3, 2];
        assert_eq!(order(4, &|a, b| list[a].cmp(&list[b])), [1, 3, 0, 2]);
        assert_eq!(sorted(&["b", "a"]), ["a", "b"]);
    }
}
