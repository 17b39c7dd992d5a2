//! Lists of CPUs and memory nodes, such as `0-3,7`, as the masks that the kernel takes.

use super::{Origin, PlanError};

/// No kernel numbers CPUs (`CONFIG_NR_CPUS`) or nodes (`MAX_NUMNODES`) beyond this.
const LIMIT: usize = 8192;

/// Bits by number; as many words as the highest one needs, none where the list is empty.
pub(super) fn mask(text: &str, origin: &Origin) -> Result<Vec<u64>, PlanError> {
    let wrong = |why: &str| PlanError::invalid(origin.clone(), format!("list {text:?}"), why);
    let number = |part: &str| {
        let part = part.trim_matches(' ');
        let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let value = digits.then(|| part.parse::<usize>().ok()).flatten();
        value.ok_or_else(|| wrong("it holds something else than numbers and ranges"))
    };
    let mut words = Vec::new();
    let text = text.trim_matches([' ', '\n']);
    for part in text.split(',').filter(|_| !text.is_empty()) {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        let (low, high) = (number(low)?, number(high)?);
        if low > high {
            return Err(wrong("a range runs backwards"));
        }
        if high >= LIMIT {
            return Err(wrong("no kernel numbers any so high"));
        }
        words.resize(words.len().max(high / 64 + 1), 0);
        for bit in low..=high {
            words[bit / 64] |= 1 << (bit % 64);
        }
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_ranges_set_their_bits() {
        let mask = |text| mask(text, &Origin::at("/x"));
        assert_eq!(mask(""), Ok(vec![]));
        assert_eq!(mask(" 0-1, 3"), Ok(vec![0b1011]));
        assert_eq!(mask("63-64"), Ok(vec![1 << 63, 1]));
        for wrong in [
            "a",
            "0-",
            "3-1",
            "-",
            ",",
            "1,,2",
            "8192",
            "0-4294967295",
            "+1",
        ] {
            let error = mask(wrong).expect_err(wrong).to_string();
            assert!(error.contains("config.json /x"), "{error}");
        }
    }
}
