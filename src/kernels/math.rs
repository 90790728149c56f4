//! exp, tanh, sigmoid, erf and what is made of them, four float32 at a time: within a few units in the last place of the true
//! values, NaN kept and infinities exact.

use super::parallel;
use super::simd::F32x4;

#[inline(always)]
fn constant(value: f32) -> F32x4 {
    F32x4::splat(value)
}

/// A polynomial by Horner's rule, the highest coefficient first.
#[inline(always)]
fn polynomial<const N: usize>(x: F32x4, coefficients: [f32; N]) -> F32x4 {
    let mut coefficients = coefficients.into_iter();
    let first = constant(coefficients.next().unwrap_or(0.0));
    coefficients.fold(first, |sum, coefficient| sum.mul_add(x, constant(coefficient)))
}

/// Replaces each value by a function of it; `f` sees values of its own making behind the end.
#[inline(always)]
pub fn map_in_place(values: &mut [f32], f: impl Fn(F32x4) -> F32x4 + Sync) {
    let parts = parallel::count_parts(values.len().saturating_mul(8), values.len() / 1024);
    parallel::run_chunks(values, 4, parts, |_, values| map_part(values, &f));
}

#[inline(always)]
fn map_part(values: &mut [f32], f: &impl Fn(F32x4) -> F32x4) {
    let (chunks, rest) = values.as_chunks_mut::<4>();
    for chunk in chunks {
        // SAFETY: a chunk has four values.
        unsafe { f(F32x4::load(chunk.as_ptr())).store(chunk.as_mut_ptr()) }
    }
    let mut last = [0.0; 4];
    last.iter_mut().zip(rest.iter()).for_each(|(to, from)| *to = *from);
    let last = if rest.is_empty() { last } else { f(F32x4::new(last)).to_array() };
    rest.iter_mut().zip(last).for_each(|(to, from)| *to = from);
}

/// A function that goes from -1 to 1, exactly these from `-end` and `end` on: multiplied by a large number, the rest to 1 counts.
#[inline(always)]
fn saturate(x: F32x4, end: f32, value: F32x4) -> F32x4 {
    x.abs().select_below(constant(end), value, x).at_least(constant(-1.0)).at_most(constant(1.0))
}

/// Two factors of e to the power of x: the second is 2 to the power of the whole number that is returned, the first a
/// polynomial (Cephes, expf).
#[inline(always)]
fn split_exp(x: F32x4) -> (F32x4, F32x4) {
    let n = x.mul(constant(std::f32::consts::LOG2_E)).nearest();
    // ln 2 in two parts, of which the first has few enough bits for exact products.
    let r = n.mul_add(constant(-355.0 / 512.0), x);
    let r = n.mul_add(constant(2.121_944_4e-4), r);
    let coefficients = [1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5];
    (polynomial(r, coefficients).mul_add(r.mul(r), r).add(constant(1.0)), n)
}

/// e to the power of x.
#[inline(always)]
pub fn exp(x: F32x4) -> F32x4 {
    // Beyond these ends the result is 0 or infinite.
    let (power, n) = split_exp(x.at_least(constant(-104.0)).at_most(constant(89.0)));
    // In two steps, so that powers of two which float32 cannot hold lead to right results all the same.
    let half = n.mul(constant(0.5)).nearest();
    power.mul(half.exp2_whole()).mul(n.sub(half).exp2_whole())
}

/// e to the power of x that is not above 0; 0 in place of subnormal numbers, which slow down what is done with them.
#[inline(always)]
pub fn exp_down(x: F32x4) -> F32x4 {
    let lowest = constant(-87.336_54);
    let (power, n) = split_exp(x.at_least(lowest));
    x.select_below(lowest, constant(0.0), power.mul(n.exp2_whole()))
}

/// A rational function on the range outside which float32 has nothing between the result and 1 (Eigen, ptanh).
#[inline(always)]
pub fn tanh(x: F32x4) -> F32x4 {
    let x = x.at_least(constant(-9.0)).at_most(constant(9.0));
    let square = x.mul(x);
    let above =
        [-2.760_768_4e-16, 2.000_188e-13, -8.604_672e-11, 5.122_297e-8, 1.485_722_4e-5, 6.372_619_3e-4, 4.893_524_6e-3];
    let below = [1.198_258_4e-6, 1.185_347_1e-4, 2.268_434_6e-3, 4.893_525e-3];
    let ratio = polynomial(square, above).mul(x).div(polynomial(square, below));
    saturate(x, 9.0, ratio)
}

/// `1 / (1 + e^-x)`
#[inline(always)]
pub fn sigmoid(x: F32x4) -> F32x4 {
    let one = constant(1.0);
    one.div(exp(constant(0.0).sub(x)).add(one))
}

/// A rational function on the range outside which float32 has nothing between the result and 1 (XLA, ErfImpl32).
#[inline(always)]
pub fn erf(x: F32x4) -> F32x4 {
    let x = x.at_least(constant(-4.0)).at_most(constant(4.0));
    let square = x.mul(x);
    let above =
        [-2.726_142e-10, 2.770_681_4e-8, -2.101_024e-6, -5.692_506_5e-5, -7.349_906_4e-4, -2.954_6e-3, -1.609_603_3e-2];
    let below = [-1.456_607_2e-5, -2.133_740_6e-4, -1.682_826_9e-3, -7.373_329e-3, -1.426_473_9e-2];
    let ratio = polynomial(square, above).mul(x).div(polynomial(square, below));
    saturate(x, 3.92, ratio)
}

/// `ln(1 + e^x)`, which is the larger of x and 0 plus `ln(1 + e^-|x|)`, of which the series of the inverse tanh gives the second.
#[inline(always)]
pub fn softplus(x: F32x4) -> F32x4 {
    let zero = constant(0.0);
    let power = exp(zero.sub(x.abs()));
    let ratio = power.div(power.add(constant(2.0)));
    let series = [2.0 / 15.0, 2.0 / 13.0, 2.0 / 11.0, 2.0 / 9.0, 2.0 / 7.0, 2.0 / 5.0, 2.0 / 3.0, 2.0];
    polynomial(ratio.mul(ratio), series).mul_add(ratio, x.at_least(zero))
}

/// `x / 2 * (1 + erf(x / sqrt 2))`
#[inline(always)]
pub fn gelu(x: F32x4) -> F32x4 {
    let half = x.mul(constant(0.5));
    erf(x.mul(constant(std::f32::consts::FRAC_1_SQRT_2))).mul_add(half, half)
}

/// `x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)))`
#[inline(always)]
pub fn gelu_by_tanh(x: F32x4) -> F32x4 {
    let half = x.mul(constant(0.5));
    let factor = x.mul(x).mul_add(constant(0.035_677_407), constant(0.797_884_6));
    tanh(factor.mul(x)).mul_add(half, half)
}

/// `x * tanh(ln(1 + e^x))`, without the logarithm: with `p = e^x (e^x + 2)` the tanh is `p / (p + 2)`.
#[inline(always)]
pub fn mish(x: F32x4) -> F32x4 {
    // Above, the tanh is 1 in float32.
    let power = exp(x.at_most(constant(20.0)));
    let p = power.mul(power.add(constant(2.0)));
    p.div(p.add(constant(2.0))).mul(x)
}

macro_rules! in_place {
    ($($name:ident, $of:ident;)*) => {$(
        #[doc = concat!("Replaces each value by [`", stringify!($of), "`] of it.")]
        pub fn $name(values: &mut [f32]) {
            map_in_place(values, $of);
        }
    )*};
}

in_place! {
    exp_in_place, exp;
    tanh_in_place, tanh;
    sigmoid_in_place, sigmoid;
    erf_in_place, erf;
    softplus_in_place, softplus;
    gelu_in_place, gelu;
    gelu_by_tanh_in_place, gelu_by_tanh;
    mish_in_place, mish;
}

/// The error function by its series, whose terms are all of one sign.
pub fn erf_f64(x: f64) -> f64 {
    let square = x * x;
    if square > 36.0 {
        return x.signum();
    }
    let mut term = x;
    let mut sum = x;
    let mut odd = 1.0;
    while term.abs() > sum.abs() * 1e-17 {
        odd += 2.0;
        term *= 2.0 * square / odd;
        sum += term;
    }
    std::f64::consts::FRAC_2_SQRT_PI * (-square).exp() * sum
}

#[cfg(test)]
mod tests {
    use super::*;

    type InPlace = fn(&mut [f32]);
    type Row = (&'static str, InPlace, fn(f64) -> f64, f32, f32, f64);

    /// The largest error of a function, in parts of the true value, on a range.
    fn worst(in_place: InPlace, truth: fn(f64) -> f64, from: f32, to: f32) -> f64 {
        let xs: Vec<f32> = (0..200_001).map(|step| from + (to - from) * step as f32 / 200_000.0).collect();
        let mut values = xs.clone();
        in_place(&mut values);
        let error = |(x, value): (&f32, &f32)| {
            let truth = truth(f64::from(*x));
            (f64::from(*value) - truth).abs() / truth.abs().max(f64::from(f32::MIN_POSITIVE))
        };
        xs.iter().zip(&values).map(error).fold(0.0, f64::max)
    }

    #[test]
    fn functions_are_near_the_truth() {
        let rows: [Row; 12] = [
            ("exp", exp_in_place, f64::exp, -87.0, 88.7, 3e-7),
            ("exp", exp_in_place, f64::exp, -1.0, 1.0, 2e-7),
            ("tanh", tanh_in_place, f64::tanh, -12.0, 12.0, 8e-7),
            ("tanh", tanh_in_place, f64::tanh, -0.01, 0.01, 8e-7),
            ("sigmoid", sigmoid_in_place, |x| 1.0 / (1.0 + (-x).exp()), -80.0, 20.0, 5e-7),
            ("erf", erf_in_place, erf_f64, -5.0, 5.0, 6e-7),
            ("erf", erf_in_place, erf_f64, -0.01, 0.01, 6e-7),
            ("softplus", softplus_in_place, |x| x.exp().ln_1p(), -80.0, 80.0, 5e-7),
            ("gelu", gelu_in_place, |x| x / 2.0 * (1.0 + erf_f64(x * 0.5f64.sqrt())), -0.5, 9.0, 5e-7),
            (
                "gelu by tanh",
                gelu_by_tanh_in_place,
                |x| x / 2.0 * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x)).tanh()),
                -0.5,
                9.0,
                1e-6,
            ),
            ("mish", mish_in_place, |x| x * x.exp().ln_1p().tanh(), -80.0, 40.0, 6e-7),
            ("tanh", tanh_in_place, f64::tanh, -1.0, 1.0, 8e-7),
        ];
        for (name, in_place, truth, from, to, limit) in rows {
            let worst = worst(in_place, truth, from, to);
            println!("{name} from {from} to {to}: {worst:e}");
            assert!(worst <= limit, "{name} from {from} to {to}: {worst:e}");
        }
    }

    #[test]
    fn ends_are_exact_and_nan_stays() {
        let (inf, nan) = (f32::INFINITY, f32::NAN);
        let rows: [(&str, InPlace, [f32; 6]); 8] = [
            ("exp", exp_in_place, [0.0, inf, 1.0, nan, 0.0, inf]),
            ("tanh", tanh_in_place, [-1.0, 1.0, 0.0, nan, -1.0, 1.0]),
            ("sigmoid", sigmoid_in_place, [0.0, 1.0, 0.5, nan, 0.0, 1.0]),
            ("erf", erf_in_place, [-1.0, 1.0, 0.0, nan, -1.0, 1.0]),
            ("softplus", softplus_in_place, [0.0, inf, std::f32::consts::LN_2, nan, 0.0, 1e30]),
            ("gelu", gelu_in_place, [nan, inf, 0.0, nan, 0.0, 1e30]),
            ("gelu by tanh", gelu_by_tanh_in_place, [nan, inf, 0.0, nan, 0.0, 1e30]),
            ("mish", mish_in_place, [nan, inf, 0.0, nan, 0.0, 1e30]),
        ];
        for (name, in_place, expected) in rows {
            // Six values: a whole vector and a rest.
            let mut values = [-inf, inf, 0.0, nan, -1e30, 1e30];
            in_place(&mut values);
            for (value, expected) in values.iter().zip(expected) {
                assert!(
                    value.to_bits() & 0x7fff_ffff == expected.to_bits() & 0x7fff_ffff
                        && (*value >= 0.0) == (expected >= 0.0)
                        || value.is_nan() && expected.is_nan(),
                    "{name}: {values:?} for {expected}"
                );
            }
        }
        let mut small = [-95.0f32, -103.0, 88.72];
        exp_in_place(&mut small);
        for (value, x) in small.iter().zip([-95.0f32, -103.0, 88.72]) {
            let truth = x.exp();
            assert!((value - truth).abs() <= truth * 1e-6 + 2e-45, "{value:e} for {truth:e}");
        }
        exp_in_place(&mut []);
    }

    #[test]
    fn the_error_function_of_float64_is_near_known_values() {
        for (x, truth) in [(0.5, 0.5204998778130465), (1.0, 0.8427007929497149), (3.0, 0.9999779095030014)] {
            assert!((erf_f64(x) - truth).abs() < 1e-14 && (erf_f64(-x) + truth).abs() < 1e-14, "{x}");
        }
        assert_eq!((erf_f64(0.0), erf_f64(f64::INFINITY), erf_f64(-7.0)), (0.0, 1.0, -1.0));
        assert!(erf_f64(f64::NAN).is_nan());
    }
}
