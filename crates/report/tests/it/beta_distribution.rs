//! The beta distribution beside what is known of it exactly.

use proptest::prelude::*;
use report::beta::{cdf, quantile};

/// For whole a and b: the chance of at least a heads in a + b − 1 throws.
fn exact(x: f64, a: u32, b: u32) -> f64 {
    let n = a + b - 1;
    let mut sum = 0.0;
    for j in a..=n {
        let choose = (0..j).fold(1.0, |c, i| c * f64::from(n - i) / f64::from(i + 1));
        sum += choose * x.powi(j as i32) * (1.0 - x).powi((n - j) as i32);
    }
    sum
}

#[test]
fn closed_forms_agree() {
    for (x, a, b, want) in [
        (0.5, 1.0, 1.0, 0.5),
        (0.3, 1.0, 1.0, 0.3),
        (0.3, 4.0, 1.0, 0.3_f64.powi(4)),
        (0.3, 1.0, 4.0, 1.0 - 0.7_f64.powi(4)),
        (0.5, 7.3, 7.3, 0.5),
        // the arcsine distribution
        (0.25, 0.5, 0.5, 1.0 / 3.0),
        (0.0, 2.0, 3.0, 0.0),
        (1.0, 2.0, 3.0, 1.0),
    ] {
        assert!((cdf(x, a, b) - want).abs() < 1e-12, "I_{x}({a}, {b}) = {} not {want}", cdf(x, a, b));
    }
    assert!((quantile(0.05, 9.0, 1.0) - 0.05_f64.powf(1.0 / 9.0)).abs() < 1e-12);
}

proptest! {
    #[test]
    fn whole_parameters_agree_with_the_binomial_sum(x in 0.0..1.0_f64, a in 1..60_u32, b in 1..60_u32) {
        let (got, want) = (cdf(x, f64::from(a), f64::from(b)), exact(x, a, b));
        prop_assert!((got - want).abs() < 1e-10, "{got} {want}");
    }

    #[test]
    fn quantiles_invert_and_keep_order(p in 0.001..0.999_f64, a in 1.0..2000.0_f64, b in 1.0..2000.0_f64) {
        let x = quantile(p, a, b);
        prop_assert!(0.0 < x && x < 1.0);
        prop_assert!((cdf(x, a, b) - p).abs() < 1e-8, "{x}");
        prop_assert!(quantile(p, a + 1.0, b) >= x && quantile(p, a, b + 1.0) <= x);
    }
}
