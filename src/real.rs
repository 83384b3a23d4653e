//! Logarithm, exponential and cosine from additions, multiplications, divisions and square roots alone. IEEE 754 fixes
//! these to the last bit, a platform's mathematical library is fixed by nobody: what is drawn or estimated with these is
//! the same everywhere.

use std::f64::consts::{LN_2, SQRT_2, TAU};

/// ln 2 in two parts, the first with trailing zeros, so that small multiples of it are exact.
const LN_2_HIGH: f64 = 6.931_471_803_691_238e-1;
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// The natural logarithm of a positive normal number, to about 1e-15; zero for anything else.
pub fn ln(x: f64) -> f64 {
    if !x.is_normal() || x < 0.0 {
        return 0.0;
    }
    let bits = x.to_bits();
    let mut exponent = ((bits >> 52) & 0x7ff) as i64 - 1023;
    let mut mantissa = f64::from_bits((bits & ((1 << 52) - 1)) | (1023 << 52));
    if mantissa > SQRT_2 {
        (mantissa, exponent) = (mantissa / 2.0, exponent + 1);
    }
    // ln m = 2 artanh s with s = (m − 1)/(m + 1), |s| < 0.172.
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let square = s * s;
    let series = (0..13).rev().fold(0.0, |sum, k| sum * square + 1.0 / f64::from(2 * k + 1));
    2.0 * s * series + exponent as f64 * LN_2
}

/// The exponential, to about 1e-15 of itself, for arguments within ±700; held at these ends beyond.
pub fn exp(x: f64) -> f64 {
    let x = if x.is_nan() { 0.0 } else { x.clamp(-700.0, 700.0) };
    let halvings = (x / LN_2).round();
    let rest = x - halvings * LN_2_HIGH - halvings * LN_2_LOW;
    let series = (1..=16).rev().fold(1.0, |sum, k| 1.0 + sum * rest / f64::from(k));
    series * f64::from_bits(((1023 + halvings as i64) as u64) << 52)
}

/// The cosine of so many turns from 0 to 1, to about 1e-15.
pub fn cos_of_turns(turns: f64) -> f64 {
    // Fold to the half turn, then to the quarter of it on which the series is short: cos x = -cos(half turn - x).
    let half = if turns > 0.5 { 1.0 - turns } else { turns };
    let (quarter, sign) = if half > 0.25 { (0.5 - half, -1.0) } else { (half, 1.0) };
    let square = (TAU * quarter) * (TAU * quarter);
    let series = (1..=12).rev().fold(1.0, |sum, k| 1.0 - sum * square / f64::from(2 * k * (2 * k - 1)));
    sign * series
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_agree_with_the_platform() {
        for x in [1e-300, 1e-9, 0.1, 0.5, 0.99, 1.0, 1.5, 2.0, 3.7, 1e3, 1e200] {
            assert!((ln(x) - x.ln()).abs() <= 1e-14 * x.ln().abs().max(1.0), "ln {x}");
        }
        for x in [-600.0, -20.0, -1.0, -0.1, 0.0, 0.3, 1.0, 10.0, 300.0] {
            assert!((exp(x) / x.exp() - 1.0).abs() <= 1e-13, "exp {x}: {} {}", exp(x), x.exp());
        }
        for turns in [0.0, 0.01, 0.125, 0.24, 0.25, 0.26, 0.4, 0.5, 0.51, 0.75, 0.9, 0.999_999] {
            let found = cos_of_turns(turns);
            assert!((found - (TAU * turns).cos()).abs() <= 1e-15, "cos {turns}: {found}");
        }
        assert_eq!([ln(0.0), ln(-1.0), ln(f64::NAN), exp(f64::NAN)], [0.0, 0.0, 0.0, 1.0]);
    }
}
