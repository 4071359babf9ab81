//! The most frequent values of a column of text, and only those that enough rows share: a rare value, a name
//! or a diagnosis, could point at one person.

use crate::table::Words;

/// How many values of a column are shown.
pub(crate) const SHOWN: usize = 10;

/// What may be told about a column of text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frequent<'a> {
    /// How many different values there are.
    pub(crate) distinct: usize,
    /// The most frequent with their number of rows; at most [`SHOWN`], none in fewer rows than asked for.
    pub(crate) top: Vec<(usize, &'a str)>,
    /// How many values occur in too few rows to be shown.
    pub(crate) rare: usize,
    /// How many rows those have together.
    pub(crate) rare_rows: usize,
}

impl<'a> Frequent<'a> {
    /// Counts values; those in fewer than `min_count` rows are not kept. Values of the same count stand in
    /// the order of their bytes.
    pub(crate) fn of(words: &'a Words, min_count: usize) -> Self {
        let mut sorted: Vec<&str> = words.iter().collect();
        sorted.sort_unstable();
        let mut frequent = Self {
            distinct: 0,
            top: Vec::with_capacity(SHOWN + 1),
            rare: 0,
            rare_rows: 0,
        };
        for same in sorted.chunk_by(|a, b| a == b) {
            let (rows, Some(&word)) = (same.len(), same.first()) else {
                continue;
            };
            frequent.distinct += 1;
            if rows < min_count {
                frequent.rare += 1;
                frequent.rare_rows += rows;
            } else {
                let place = frequent.top.partition_point(|(other, _)| *other >= rows);
                frequent.top.insert(place, (rows, word));
                frequent.top.truncate(SHOWN);
            }
        }
        frequent
    }
}

#[cfg(test)]
mod tests {
    use crate::frequent::{Frequent, SHOWN};
    use crate::table::{Table, Values, Words};

    fn words(values: &[&str]) -> Words {
        let table = format!("x\n{}\n", values.join("\n"));
        let column = Table::read(table.as_bytes(), b',')
            .unwrap()
            .columns
            .remove(0);
        let Values::Text { words, .. } = column.values else {
            panic!("not text")
        };
        words
    }

    #[test]
    fn values_in_too_few_rows_are_counted_but_not_named() {
        let words = words(&["b", "a", "c", "a", "b", "a"]);
        let frequent = Frequent::of(&words, 2);
        assert_eq!(
            frequent,
            Frequent {
                distinct: 3,
                top: vec![(3, "a"), (2, "b")],
                rare: 1,
                rare_rows: 1
            }
        );
        assert_eq!(Frequent::of(&words, 7).top, []);
        assert_eq!(Frequent::of(&words, 1).rare, 0);
    }

    #[test]
    fn ties_stand_in_the_order_of_their_bytes_and_the_list_ends() {
        let letters: Vec<String> = ('a'..='z').rev().map(String::from).collect();
        let words = words(&letters.iter().map(String::as_str).collect::<Vec<_>>());
        let top: Vec<&str> = Frequent::of(&words, 1)
            .top
            .into_iter()
            .map(|(_, word)| word)
            .collect();
        assert_eq!(top.len(), SHOWN);
        assert_eq!(top.concat(), "abcdefghij");
    }
}
