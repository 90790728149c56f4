//! Discrete Fourier transforms of any length, of several signals side by side: one a lane.

mod lanes;
mod real;

pub use lanes::{Complex, Lanes};
pub use real::RealFourier;

use std::f64::consts::PI;

use lanes::{add, mul, sub};

/// The largest prime that is a radix. Lengths with larger ones become convolutions.
const LARGEST: usize = 31;

/// e^(-2 pi i part / whole)
fn root(part: usize, whole: usize) -> (f64, f64) {
    let angle = -2.0 * PI * part as f64 / whole as f64;
    (angle.cos(), angle.sin())
}

/// A transform of one length.
pub struct Fourier<L: Lanes> {
    length: usize,
    /// Radices, whose product is the length; none where the transform is a convolution.
    radices: Vec<usize>,
    /// The powers of the length's root of unity.
    roots: Vec<[L::Sample; 2]>,
    convolution: Option<Box<Convolution<L>>>,
}

/// Bluestein's algorithm: a transform is a convolution with a chirp, which transforms of another length compute.
struct Convolution<L: Lanes> {
    inner: Fourier<L>,
    /// The transform of the chirp's conjugate, divided by the inner length.
    filter: Vec<[L::Sample; 2]>,
}

fn factor(mut length: usize) -> Option<Vec<usize>> {
    let mut radices = Vec::new();
    for radix in std::iter::once(4).chain(2..=LARGEST) {
        while length > 1 && length.is_multiple_of(radix) {
            radices.push(radix);
            length /= radix;
        }
    }
    (length <= 1).then_some(radices)
}

impl<L: Lanes> Fourier<L> {
    /// A transform of `length`, which takes memory in proportion.
    pub fn new(length: usize) -> Fourier<L> {
        if let Some(radices) = factor(length) {
            let roots = (0..length).map(|part| root(part, length)).map(|(re, im)| [L::sample(re), L::sample(im)]);
            return Fourier { length, radices, roots: roots.collect(), convolution: None };
        }
        // The chirp e^(-pi i k k / length), whose exponent repeats.
        let chirp = (0..length).map(|k| root((k as u128 * k as u128 % (2 * length as u128)) as usize, 2 * length));
        let roots: Vec<_> = chirp.map(|(re, im)| [L::sample(re), L::sample(im)]).collect();
        let size = (2 * length - 1).next_power_of_two();
        let inner = Fourier::new(size);
        let zero = [L::splat(0.0); 2];
        let mut filter: Vec<Complex<L>> = vec![zero; size];
        for (k, &[re, im]) in roots.iter().enumerate() {
            let conjugate = [L::spread(re), L::splat(0.0).sub(L::spread(im))];
            for place in [k, (size - k) % size] {
                filter.get_mut(place).into_iter().for_each(|value| *value = conjugate);
            }
        }
        inner.run(&mut filter, &mut Vec::new());
        let scale = L::splat(1.0 / size as f64);
        let first = |lanes: L| {
            let mut first = L::Sample::default();
            lanes.mul(scale).scatter(|lane, sample| {
                if lane == 0 {
                    first = sample;
                }
            });
            first
        };
        let filter = filter.into_iter().map(|[re, im]| [first(re), first(im)]).collect();
        Fourier { length, radices: Vec::new(), roots, convolution: Some(Box::new(Convolution { inner, filter })) }
    }

    /// Transforms as many samples as the transform is long; `room` is memory to work in.
    pub fn run(&self, samples: &mut Vec<Complex<L>>, room: &mut Vec<Complex<L>>) {
        let zero = [L::splat(0.0); 2];
        samples.resize(self.length, zero);
        if let Some(convolution) = &self.convolution {
            return self.convolve(convolution, samples, room);
        }
        room.clear();
        room.resize(self.length, zero);
        let mut stride = 1;
        for &radix in &self.radices {
            match radix {
                2 => self.pass_two(samples, room, stride),
                4 => self.pass_four(samples, room, stride),
                _ => self.pass(samples, room, radix, stride),
            }
            std::mem::swap(samples, room);
            stride *= radix;
        }
    }

    fn root(&self, index: usize) -> Complex<L> {
        self.roots.get(index).map_or([L::splat(0.0); 2], |&[re, im]| [L::spread(re), L::spread(im)])
    }

    /// One pass of Stockham's algorithm: transforms of length `radix` across the parts of `from`, put in order into `to`.
    fn pass(&self, from: &[Complex<L>], to: &mut [Complex<L>], radix: usize, stride: usize) {
        let part = self.length / radix;
        let zero = [L::splat(0.0); 2];
        let (mut parts, mut roots, mut turns) = ([zero; LARGEST], [zero; LARGEST], [zero; LARGEST]);
        roots.iter_mut().take(radix).enumerate().for_each(|(index, root)| *root = self.root(index * part));
        for (block, to) in to.chunks_exact_mut(radix * stride).enumerate() {
            turns.iter_mut().take(radix).enumerate().for_each(|(u, turn)| *turn = self.root(block * stride * u));
            for j in 0..stride {
                let places = from.iter().skip(block * stride + j).step_by(part);
                parts.iter_mut().take(radix).zip(places).for_each(|(value, &place)| *value = place);
                let [first, ..] = parts;
                for (u, (to, &turn)) in to.iter_mut().skip(j).step_by(stride).zip(&turns).enumerate() {
                    let mut sum = first;
                    let mut at = 0;
                    for &value in parts.iter().take(radix).skip(1) {
                        at = if at + u >= radix { at + u - radix } else { at + u };
                        sum = add(sum, mul(value, roots.get(at).copied().unwrap_or(zero)));
                    }
                    *to = mul(sum, turn);
                }
            }
        }
    }

    /// [`Fourier::pass`] for the radix 2.
    fn pass_two(&self, from: &[Complex<L>], to: &mut [Complex<L>], stride: usize) {
        let Some((a, b)) = from.split_at_checked(self.length / 2) else { return };
        let parts = a.chunks_exact(stride).zip(b.chunks_exact(stride));
        for (block, (to, (a, b))) in to.chunks_exact_mut(2 * stride).zip(parts).enumerate() {
            let turn = self.root(block * stride);
            let (low, high) = to.split_at_mut(stride);
            for ((low, high), (&a, &b)) in low.iter_mut().zip(high).zip(a.iter().zip(b)) {
                *low = add(a, b);
                *high = mul(sub(a, b), turn);
            }
        }
    }

    /// [`Fourier::pass`] for the radix 4.
    fn pass_four(&self, from: &[Complex<L>], to: &mut [Complex<L>], stride: usize) {
        let mut parts = from.chunks_exact(self.length / 4);
        let (Some(a), Some(b), Some(c), Some(d)) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return;
        };
        let parts =
            a.chunks_exact(stride).zip(b.chunks_exact(stride)).zip(c.chunks_exact(stride).zip(d.chunks_exact(stride)));
        for (block, (to, ((a, b), (c, d)))) in to.chunks_exact_mut(4 * stride).zip(parts).enumerate() {
            let [w1, w2, w3] = [1, 2, 3].map(|u| self.root(block * stride * u));
            let (low, high) = to.split_at_mut(2 * stride);
            let ((to0, to1), (to2, to3)) = (low.split_at_mut(stride), high.split_at_mut(stride));
            let places = to0.iter_mut().zip(to1).zip(to2.iter_mut().zip(to3));
            for (((to0, to1), (to2, to3)), ((&a, &b), (&c, &d))) in places.zip(a.iter().zip(b).zip(c.iter().zip(d))) {
                let (even, odd) = (add(a, c), add(b, d));
                let (rest, [re, im]) = (sub(a, c), sub(b, d));
                // -i times the difference.
                let turned = [im, L::splat(0.0).sub(re)];
                *to0 = add(even, odd);
                *to1 = mul(add(rest, turned), w1);
                *to2 = mul(sub(even, odd), w2);
                *to3 = mul(sub(rest, turned), w3);
            }
        }
    }

    fn convolve(&self, convolution: &Convolution<L>, samples: &mut Vec<Complex<L>>, room: &mut Vec<Complex<L>>) {
        let chirp = || self.roots.iter().map(|&[re, im]| [L::spread(re), L::spread(im)]);
        samples.iter_mut().zip(chirp()).for_each(|(sample, chirp)| *sample = mul(*sample, chirp));
        convolution.inner.run(samples, room);
        for (sample, &[re, im]) in samples.iter_mut().zip(&convolution.filter) {
            let [re, im] = mul(*sample, [L::spread(re), L::spread(im)]);
            // The way back is a transform with the parts swapped before and after.
            *sample = [im, re];
        }
        convolution.inner.run(samples, room);
        samples.truncate(self.length);
        samples.iter_mut().zip(chirp()).for_each(|(sample, chirp)| {
            let [im, re] = *sample;
            *sample = mul([re, im], chirp);
        });
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::kernels::simd::F32x4;

    fn check<L: Lanes>(length: usize, tolerance: f64)
    where
        f64: From<L::Sample>,
    {
        let signal = |lane: usize, index: usize| {
            let at = (index * 37 + lane * 11) as f64;
            (at.sin(), (at * 0.3).cos())
        };
        let mut samples: Vec<Complex<L>> = (0..length)
            .map(|index| {
                [L::gather(|lane| L::sample(signal(lane, index).0)), L::gather(|lane| L::sample(signal(lane, index).1))]
            })
            .collect();
        Fourier::<L>::new(length).run(&mut samples, &mut Vec::new());
        for (k, [re, im]) in samples.iter().enumerate() {
            for lane in 0..L::COUNT {
                let mut exact = (0.0, 0.0);
                for index in 0..length {
                    let ((a, b), (c, d)) = (signal(lane, index), root(index * k % length, length));
                    exact = (exact.0 + a * c - b * d, exact.1 + a * d + b * c);
                }
                let compare = |part: &L, exact: f64| {
                    part.scatter(|at, sample| {
                        let error = (f64::from(sample) - exact).abs();
                        assert!(at != lane || error < tolerance * length as f64, "{length} at {k}: {error}");
                    });
                };
                compare(re, exact.0);
                compare(im, exact.1);
            }
        }
    }

    #[test]
    fn real_transforms_are_the_complex_ones() {
        for half in [1, 2, 3, 8, 37, 200] {
            let signal: Vec<f64> = (0..2 * half).map(|index| (index as f64 * 1.7).sin()).collect();
            let mut whole: Vec<Complex<f64>> = signal.iter().map(|&sample| [sample, 0.0]).collect();
            let mut pairs: Vec<Complex<f64>> = signal.chunks(2).map(|pair| [pair[0], pair[1]]).collect();
            Fourier::new(2 * half).run(&mut whole, &mut Vec::new());
            RealFourier::new(half).run(&mut pairs, &mut Vec::new());
            assert_eq!(pairs.len(), half + 1);
            for (pair, whole) in pairs.iter().zip(&whole) {
                assert!((pair[0] - whole[0]).abs() + (pair[1] - whole[1]).abs() < 1e-10, "{half}");
            }
        }
    }

    #[test]
    fn transforms_are_those_of_the_definition() {
        for length in (1..70).chain([74, 97, 100, 101, 128, 240, 400, 509, 512]) {
            check::<F32x4>(length, 1e-6);
            check::<f64>(length, 1e-13);
        }
    }
}
