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
    /// The lower end of its bootstrap interval.
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

impl std::fmt::Display for Ratio {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = format!("{:.2}× [{:.2}–{:.2}]", self.median, self.low, self.high);
        out.pad(&text)
    }
}

/// How often samples are drawn again.
const RESAMPLES: usize = 2000;
/// Fewer samples than this say nothing.
const FEWEST: usize = 5;

/// The ratio of `left` to `right`, round by round, with its 95 % interval.
pub fn ratio(left: &[Option<f64>], right: &[Option<f64>]) -> Option<Ratio> {
    let ratios = paired(left, right);
    if ratios.len() < FEWEST {
        return None;
    }
    let mut random = Random::new();
    let (low, high) = interval(0.95, || median(random.draw(&ratios)));
    Some(Ratio {
        pairs: ratios.len(),
        low,
        high,
        median: median(ratios),
    })
}

/// The ratios of the rounds in which both have a sample.
pub fn paired(left: &[Option<f64>], right: &[Option<f64>]) -> Vec<f64> {
    left.iter()
        .zip(right)
        .filter_map(|(left, right)| Some((*left)? / right.filter(|right| *right > 0.0)?))
        .collect()
}

/// How the median of `new` differs from that of `old`, which was measured at another time, so that nothing
/// pairs; with the interval of `confidence`.
pub fn shift(old: &[f64], new: &[f64], confidence: f64) -> Option<Ratio> {
    let pairs = old.len().min(new.len());
    if pairs < FEWEST {
        return None;
    }
    let mut random = Random::new();
    let (low, high) = interval(confidence, || {
        median(random.draw(new)) / median(random.draw(old))
    });
    Some(Ratio {
        pairs,
        low,
        high,
        median: median(new.to_vec()) / median(old.to_vec()),
    })
}

/// The percentile interval of what `resample` gives.
fn interval(confidence: f64, mut resample: impl FnMut() -> f64) -> (f64, f64) {
    let mut all: Vec<f64> = (0..RESAMPLES).map(|_| resample()).collect();
    all.sort_by(f64::total_cmp);
    let tail = (1.0 - confidence) / 2.0;
    (quantile(&all, tail), quantile(&all, 1.0 - tail))
}

fn median(mut samples: Vec<f64>) -> f64 {
    let middle = samples.len() / 2;
    let odd = samples.len() % 2 == 1;
    let (below, upper, _) = samples.select_nth_unstable_by(middle, f64::total_cmp);
    if odd {
        return *upper;
    }
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    lower.midpoint(*upper)
}

/// xorshift64: the same draws each time, so that a result can be computed again.
struct Random(u64);

impl Random {
    fn new() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }

    /// As many of `samples` again, each at random.
    fn draw(&mut self, samples: &[f64]) -> Vec<f64> {
        (0..samples.len())
            .map(|_| samples[self.below(samples.len())])
            .collect()
    }

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

    /// A source of times as a machine gives them: a floor, a spread above it, now and then much more.
    struct Machine(Random);

    impl Machine {
        fn uniform(&mut self) -> f64 {
            (self.0.below(1 << 30) as f64 + 0.5) / f64::from(1 << 30)
        }

        /// `rounds` of a command that takes at least `least`.
        fn times(&mut self, least: f64, rounds: usize) -> Vec<Option<f64>> {
            let mut one = || {
                let spread = -self.uniform().ln() * 0.3;
                let hiccup = if self.uniform() < 0.05 { 4.0 } else { 0.0 };
                Some(least * (1.0 + spread + hiccup))
            };
            (0..rounds).map(|_| one()).collect()
        }
    }

    /// In how many of `trials` benchmarks the ratio of `least` to 1 is decided, and its interval holds it.
    fn tried(least: f64, rounds: usize, trials: usize) -> (usize, usize) {
        let mut machine = Machine(Random(7));
        let (mut decided, mut held) = (0, 0);
        for _ in 0..trials {
            let (left, right) = (machine.times(least, rounds), machine.times(1.0, rounds));
            let ratio = ratio(&left, &right).unwrap();
            decided += usize::from(ratio.decides());
            held += usize::from(ratio.low <= least && least <= ratio.high);
        }
        (decided, held)
    }

    #[test]
    fn equals_seldom_have_a_winner_and_the_interval_holds_the_truth() {
        for rounds in [10, 30] {
            let (decided, held) = tried(1.0, rounds, 100);
            assert!(decided <= 9, "{decided} of 100 wrong, {rounds} rounds");
            assert!(held >= 91, "{held} of 100 held, {rounds} rounds");
        }
    }

    #[test]
    fn a_slower_one_is_found() {
        let (decided, held) = tried(1.5, 30, 100);
        assert!(decided >= 97, "{decided} of 100 found");
        assert!(held >= 91, "{held} of 100 held");
    }

    #[test]
    fn a_shift_is_told_from_noise() {
        let mut machine = Machine(Random(11));
        let mut wrong = 0;
        let mut found = 0;
        for _ in 0..50 {
            let mut times =
                |least| -> Vec<f64> { machine.times(least, 30).into_iter().flatten().collect() };
            let (old, same, slower) = (times(1.0), times(1.0), times(1.5));
            wrong += usize::from(shift(&old, &same, 0.99).unwrap().decides());
            found += usize::from(shift(&old, &slower, 0.99).unwrap().low > 1.0);
        }
        assert!(wrong <= 2 && found >= 48, "{wrong} wrong, {found} found");
        assert_eq!(shift(&[1.0; 4], &[2.0; 30], 0.95), None);
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
