//! Lists of CPUs and memory nodes: `0-3,7`.

/// Whether a text is such a list. Blanks are allowed, as the schema of `execCPUAffinity` has it, and
/// so is an empty list.
pub(super) fn is_list(text: &str) -> bool {
    let text = text.trim_matches([' ', '\n']);
    text.is_empty() || text.split(',').all(is_range)
}

fn is_range(part: &str) -> bool {
    match part.split_once('-') {
        Some((low, high)) => number(low)
            .zip(number(high))
            .is_some_and(|(low, high)| low <= high),
        None => number(part).is_some(),
    }
}

/// `u32::from_str` would take a sign.
fn number(text: &str) -> Option<u32> {
    let text = text.trim_matches(' ');
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_ranges_that_run_forwards() {
        for good in ["", " ", "0", "0-3,7", "0 - 3, 7", "5-5", "0-1\n"] {
            assert!(is_list(good), "{good:?}");
        }
        for bad in [
            "a",
            "-1",
            "1-",
            "3-1",
            "1,,2",
            ",",
            "+1",
            "0-99999999999",
            "1 2",
        ] {
            assert!(!is_list(bad), "{bad:?}");
        }
    }
}
