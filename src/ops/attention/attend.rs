//! The heart of attention: softmax(query × key) × value, a block of rows at a time.

use std::sync::Mutex;

use super::heads::Heads;
use crate::error::{Error, Result};
use crate::kernels::gemm::{Matrix, Shape};
use crate::kernels::lanes::{Lanes, map};
use crate::kernels::parallel::{self, part_of};
use crate::kernels::product::Factor;
use crate::kernels::softmax::softmax_row;
use crate::tensor;

/// A row of scores.
#[derive(Clone, Copy)]
pub struct Place {
    pub batch: usize,
    pub head: usize,
    pub row: usize,
}

/// Scores as they are at some point of the computation, which some outputs show.
#[derive(Clone, Copy, PartialEq)]
pub enum Stage {
    Product,
    Capped,
    Masked,
    Softmax,
}

/// How scores become weights.
pub struct Attend<'a, T> {
    pub scale: f64,
    /// What scores cannot go beyond; 0 for no such thing.
    pub softcap: f64,
    /// Changes the scores of a row by what is masked.
    pub mask: &'a (dyn Fn(Place, &mut [T]) + Sync),
    /// A score of each head that takes a share and gives nothing.
    pub sinks: Option<&'a (dyn Fn(usize) -> f64 + Sync)>,
    /// The scores to give as well.
    pub shown: Option<Stage>,
    /// Whether the output is `[batch, length, heads * size]`, rather than `[batch, heads, length, size]`.
    pub is_flat: bool,
}

/// The output, and the scores where they are shown.
pub type Attended<T> = (Vec<T>, Vec<T>);

impl<T> Attend<'_, T> {
    pub fn run<L: Lanes<Item = T>>(&self, q: &Heads<T>, k: &Heads<T>, v: &Heads<T>) -> Result<Attended<T>>
    where
        T: Factor,
    {
        let is_grouped = k.heads > 0 && q.heads.is_multiple_of(k.heads) || q.heads == 0;
        if !is_grouped || q.size != k.size || k.length != v.length || k.heads != v.heads {
            let [q, k, v] = [q, k, v].map(Heads::dims);
            return Err(Error::execution(format!("a query {q:?}, a key {k:?} and a value {v:?} do not fit together")));
        }
        if q.batch != k.batch || q.batch != v.batch {
            return Err(Error::execution(format!("batches of {}, {} and {}", q.batch, k.batch, v.batch)));
        }
        let zero = L::item(0.0);
        let mut out = tensor::fill(&[q.batch, q.heads, q.length, v.size], zero)?;
        let shown_length = if self.shown.is_some() { k.length } else { 0 };
        let mut shown = tensor::reserve(&[q.batch, q.heads, q.length, shown_length])?;
        if q.is_empty() || k.is_empty() || v.is_empty() {
            shown.resize(q.batch * q.heads * q.length * shown_length, zero);
            return Ok((out, shown));
        }
        // Rows whose scores stay in the nearer caches.
        let block = (16_384 / k.length).clamp(4, 64).min(q.length);
        let group = q.heads / k.heads;
        let cost = [q.batch, q.heads, q.length, k.length, q.size + v.size];
        let cost = cost.into_iter().fold(1, usize::saturating_mul);
        // Scores that are shown are so in order.
        let parts = if self.shown.is_some() { 1 } else { parallel::count_parts(cost, q.batch * k.heads) };
        let shown_scores = Mutex::new(&mut shown);
        let results = parallel::try_map(parts, |part| {
            let pairs = part_of(q.batch * k.heads, 1, part, parts);
            let mut results = tensor::reserve(&[pairs.len(), group, q.length, v.size])?;
            let mut scores = tensor::fill(&[block, k.length], zero)?;
            let mut rows_out = tensor::fill(&[block, v.size], zero)?;
            for pair in pairs {
                let (batch, key_head) = (pair / k.heads, pair % k.heads);
                let (key, value) = (k.matrix(batch, key_head).transpose(), v.matrix(batch, key_head));
                // With few rows, a matrix that is read once is best read where it lies.
                let packed = match q.length {
                    4.. => Some((T::pack(q.size, k.length, key)?, T::pack(k.length, v.size, value)?)),
                    _ => None,
                };
                for (head, first) in (key_head * group..(key_head + 1) * group)
                    .flat_map(|head| (0..q.length).step_by(block).map(move |first| (head, first)))
                {
                    let query = q.matrix(batch, head);
                    let rows = block.min(q.length - first);
                    let left = Matrix { data: query.data.get(first * query.row_stride..).unwrap_or_default(), ..query };
                    let scores = scores.get_mut(..rows * k.length).unwrap_or_default();
                    let shape = Shape { m: rows, k: q.size, n: k.length };
                    match &packed {
                        Some((key, _)) => T::multiply_packed(shape, left, key, scores, k.length)?,
                        None => T::multiply(shape, left, key, scores, k.length)?,
                    }
                    for (row, scores) in (first..).zip(scores.chunks_exact_mut(k.length)) {
                        self.weigh::<L>(Place { batch, head, row }, scores, &shown_scores);
                    }
                    let (shape, weights) = (Shape { m: rows, k: k.length, n: v.size }, Matrix::rows(scores, k.length));
                    match &packed {
                        Some((_, value)) => T::multiply_packed(shape, weights, value, &mut rows_out, v.size)?,
                        None => T::multiply(shape, weights, value, &mut rows_out, v.size)?,
                    }
                    results.extend(rows_out.iter().take(rows * v.size).copied());
                }
            }
            Ok(results)
        })?;
        let rows = results.iter().flat_map(|results| results.chunks_exact(v.size));
        for (index, from) in rows.enumerate() {
            let (head, row) = (index / q.length, index % q.length);
            let place = match self.is_flat {
                true => (head / q.heads * q.length + row) * q.heads + head % q.heads,
                false => index,
            };
            if let Some(to) = out.get_mut(place * v.size..(place + 1) * v.size) {
                to.copy_from_slice(from);
            }
        }
        Ok((out, shown))
    }

    /// Scores to weights, in place.
    fn weigh<L: Lanes<Item = T>>(&self, place: Place, scores: &mut [T], shown: &Mutex<&mut Vec<T>>)
    where
        T: Copy,
    {
        let show = |stage: Stage, scores: &[T]| {
            if self.shown == Some(stage)
                && let Ok(mut shown) = shown.lock()
            {
                shown.extend_from_slice(scores);
            }
        };
        let scale = L::splat(L::item(self.scale));
        map::<L>(scores, |score| score.mul(scale));
        show(Stage::Product, scores);
        if self.softcap > 0.0 {
            let cap = L::splat(L::item(self.softcap));
            map::<L>(scores, |score| score.div(cap).tanh().mul(cap));
        }
        show(Stage::Capped, scores);
        (self.mask)(place, scores);
        show(Stage::Masked, scores);
        match self.sinks {
            None => {
                // A row that sees nothing gives 0, as in onnxruntime.
                if L::to_f64(softmax_row::<L>(scores, false)) == f64::NEG_INFINITY {
                    scores.fill(L::item(0.0));
                }
            }
            Some(sinks) => {
                let mut longer = scores.to_vec();
                longer.push(L::item(sinks(place.head)));
                softmax_row::<L>(&mut longer, false);
                scores.iter_mut().zip(longer).for_each(|(score, weight)| *score = weight);
            }
        }
        show(Stage::Softmax, scores);
    }
}
