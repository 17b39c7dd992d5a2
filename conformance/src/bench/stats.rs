//! What is made of samples: percentiles, paired ratios and their interval.

/// Percentiles of one series.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(missing_docs, reason = "named for what they are")]
pub struct Summary {
    pub count: usize,
    pub min: f64,
    pub p25: f64,
    pub median: f64,
    pub p95: f64,
    pub p99: f64,
}

/// The percentiles of what was measured; nothing where nothing was.
pub fn summary(samples: &[Option<f64>]) -> Option<Summary> {
    let mut sorted: Vec<f64> = samples.iter().flatten().copied().collect();
    sorted.sort_by(f64::total_cmp);
    let count = sorted.len();
    (count > 0).then(|| Summary {
        count,
        min: sorted[0],
        p25: quantile(&sorted, 0.25),
        median: quantile(&sorted, 0.5),
        p95: quantile(&sorted, 0.95),
        p99: quantile(&sorted, 0.99),
    })
}

/// The quantile `q` of sorted samples, linear between neighbours.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let place = q * (sorted.len() - 1) as f64;
    let below = sorted[place.floor() as usize];
    let above = sorted[place.ceil() as usize];
    below + (above - below) * place.fract()
}

/// The ratio of two contestants, from the samples of the same rounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// The median of the pairs' ratios.
    pub median: f64,
    /// The lower end of its 95 % bootstrap interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// The number of pairs.
    pub pairs: usize,
}

impl Ratio {
    /// Whether the interval lies on one side of 1; otherwise no winner may be named.
    pub fn decides(&self) -> bool {
        self.low > 1.0 || self.high < 1.0
    }
}

/// How often the pairs are drawn again.
const RESAMPLES: usize = 1000;
/// Fewer pairs than this say nothing.
const FEWEST_PAIRS: usize = 5;

/// The ratio of `left` to `right`, round by round, with a bootstrap interval.
pub fn ratio(left: &[Option<f64>], right: &[Option<f64>]) -> Option<Ratio> {
    let ratios: Vec<f64> = left
        .iter()
        .zip(right)
        .filter_map(|(left, right)| Some((*left)? / right.filter(|right| *right > 0.0)?))
        .collect();
    if ratios.len() < FEWEST_PAIRS {
        return None;
    }
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut medians: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            median(
                (0..ratios.len())
                    .map(|_| ratios[random.below(ratios.len())])
                    .collect(),
            )
        })
        .collect();
    medians.sort_by(f64::total_cmp);
    Some(Ratio {
        pairs: ratios.len(),
        low: quantile(&medians, 0.025),
        high: quantile(&medians, 0.975),
        median: median(ratios),
    })
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    quantile(&samples, 0.5)
}

/// xorshift64: the same draws each time, so that a result can be computed again.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(values: &[f64]) -> Vec<Option<f64>> {
        values.iter().copied().map(Some).collect()
    }

    #[test]
    fn percentiles_lie_between_neighbours() {
        let mut all = samples(&[4.0, 1.0, 3.0, 2.0, 5.0]);
        all.push(None);
        let summary = summary(&all).unwrap();
        assert_eq!(
            (summary.count, summary.min, summary.p25, summary.median),
            (5, 1.0, 2.0, 3.0)
        );
        assert!((summary.p95 - 4.8).abs() < 1e-9);
        assert_eq!(super::summary(&[None]), None);
    }

    #[test]
    fn a_clear_ratio_decides() {
        let left: Vec<f64> = (0..40).map(|i| 30.0 + f64::from(i % 5)).collect();
        let right: Vec<f64> = (0..40).map(|i| 10.0 + f64::from(i % 3)).collect();
        let ratio = ratio(&samples(&left), &samples(&right)).unwrap();
        assert!(
            ratio.low > 2.0 && ratio.high < 4.0 && ratio.decides(),
            "{ratio:?}"
        );
        assert!(ratio.low <= ratio.median && ratio.median <= ratio.high);
    }

    #[test]
    fn noise_around_one_decides_nothing() {
        let left: Vec<f64> = (0..40).map(|i| 10.0 + f64::from(i * 7 % 11)).collect();
        let right: Vec<f64> = (0..40).map(|i| 10.0 + f64::from(i * 5 % 11)).collect();
        assert!(!ratio(&samples(&left), &samples(&right)).unwrap().decides());
    }

    #[test]
    fn only_rounds_with_both_samples_pair() {
        let left = [Some(2.0); 6];
        let mut right = [Some(1.0); 6];
        right[0] = None;
        assert_eq!(ratio(&left, &right).unwrap().pairs, 5);
        right[1] = None;
        assert_eq!(ratio(&left, &right), None);
    }
}
