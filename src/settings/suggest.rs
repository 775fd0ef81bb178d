//! Finds the known name that is closest to a mistyped one.

/// The candidate nearest to `wrong`, if at most a third of its letters differ.
pub(super) fn nearest<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = wrong.to_ascii_lowercase();
    let (distance, best) =
        candidates.into_iter().map(|candidate| (distance(&wrong, candidate), candidate)).min_by_key(|(distance, _)| *distance)?;
    (distance <= (best.len() / 3).clamp(1, 6)).then_some(best)
}

/// Edit distance in which two swapped letters count as one edit: a common typing mistake.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before_last[j - 2] + 1);
            }
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_letters_swapped_are_one_slip() {
        assert_eq!(distance("ulr", "url"), 1);
        assert_eq!(distance("", "url"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn a_near_name_is_suggested_and_a_far_one_is_not() {
        let names = ["smsp.url", "smsp.ca", "server.listen"];
        assert_eq!(nearest("smsp.ulr", names), Some("smsp.url"));
        assert_eq!(nearest("SMSP_URL", names), Some("smsp.url"));
        assert_eq!(nearest("colour.of.the.door", names), None);
    }
}
