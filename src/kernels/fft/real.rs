//! Transforms of real signals.

use super::lanes::{Complex, Lanes, add, mul, sub};
use super::{Fourier, root};

/// A transform of real signals of an even length: one of half the length, of which even samples are the real parts and odd
/// samples the imaginary ones.
pub struct RealFourier<L: Lanes> {
    half: Fourier<L>,
    roots: Vec<[L::Sample; 2]>,
}

impl<L: Lanes> RealFourier<L> {
    /// A transform of `2 * half`.
    pub fn new(half: usize) -> RealFourier<L> {
        let roots = (0..=half).map(|part| root(part, 2 * half)).map(|(re, im)| [L::sample(re), L::sample(im)]);
        RealFourier { half: Fourier::new(half), roots: roots.collect() }
    }

    /// Transforms `half` pairs of samples into the first `half + 1` numbers of the spectrum.
    pub fn run(&self, samples: &mut Vec<Complex<L>>, room: &mut Vec<Complex<L>>) {
        self.half.run(samples, room);
        room.clear();
        let half = L::splat(0.5);
        let first = samples.first().copied();
        let forwards = samples.iter().copied().chain(first);
        let backwards = first.into_iter().chain(samples.iter().rev().copied());
        for ((one, [re, im]), &[cos, sin]) in forwards.zip(backwards).zip(&self.roots) {
            let other = [re, L::splat(0.0).sub(im)];
            let (even, [re, im]) = (add(one, other), sub(one, other));
            // -i times the difference: the transform of the odd samples.
            let odd = mul([im, L::splat(0.0).sub(re)], [L::spread(cos), L::spread(sin)]);
            let [re, im] = add(even, odd);
            room.push([re.mul(half), im.mul(half)]);
        }
        std::mem::swap(samples, room);
    }
}
