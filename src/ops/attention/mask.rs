//! What is added to scores.

use super::attend::Place;
use crate::error::{Error, Result};
use crate::kernels::gathered::broadcast_strides;
use crate::kernels::lanes::Lanes;
use crate::tensor::{ElementType, Tensor};

/// Numbers to add to scores `[batch, heads, rows, columns]`, broadcast to them.
pub struct Bias<T> {
    values: Vec<T>,
    strides: Vec<usize>,
    /// The columns that have a number; those behind are masked.
    columns: usize,
}

impl<T: Copy> Bias<T> {
    /// A mask of booleans, or numbers. Its last axis may be shorter than the scores where `is_padded`.
    pub fn new<L: Lanes<Item = T>>(tensor: &Tensor, scores: [usize; 4], is_padded: bool) -> Result<Bias<T>> {
        let [batch, heads, rows, all] = scores;
        let columns = match tensor.dims().last() {
            Some(&last) if is_padded && last < all => last,
            _ => all,
        };
        let strides = broadcast_strides(tensor.dims(), &[batch, heads, rows, columns]);
        let strides = strides
            .ok_or_else(|| Error::execution(format!("a mask {tensor} cannot be broadcast to the scores {scores:?}")))?;
        let values = match tensor.element_type() {
            ElementType::Bool => {
                let masked = |&flag: &bool| L::item(if flag { 0.0 } else { f64::NEG_INFINITY });
                tensor.slice::<bool>()?.iter().map(masked).collect()
            }
            _ => tensor.to_f64s()?.iter().map(|&value| L::item(value)).collect(),
        };
        Ok(Bias { values, strides, columns })
    }

    /// Adds to a row of scores.
    pub fn add<L: Lanes<Item = T>>(&self, place: Place, scores: &mut [T]) {
        let [of_batch, of_head, of_row, of_column] = *self.strides else { return };
        let start = place.batch * of_batch + place.head * of_head + place.row * of_row;
        let values = self.values.get(start..).unwrap_or_default();
        let (scores, rest) = scores.split_at_mut(self.columns.min(scores.len()));
        if of_column == 1 {
            crate::kernels::lanes::map_pairs::<L>(scores, values.get(..scores.len()).unwrap_or_default(), L::add);
        } else if let Some(&value) = values.first() {
            crate::kernels::lanes::map::<L>(scores, |score| score.add(L::splat(value)));
        }
        rest.fill(L::item(f64::NEG_INFINITY));
    }
}

/// A padding mask of com.microsoft as numbers to add to scores: 0, or `filter` where they are masked. It holds the lengths of
/// the samples, or these and where they start, or a flag for each key, of each row, or of rows and keys as far as there can
/// be any.
pub fn read_padding(mask: &Tensor, scores: [usize; 4], past: usize, filter: f32) -> Result<Tensor> {
    let [batch, _, rows, columns] = scores;
    let values = mask.to_i64s()?;
    let to_bias = |is_kept: bool| if is_kept { 0.0 } else { filter };
    let flags = || values.iter().map(|&flag| to_bias(flag > 0)).collect::<Vec<f32>>();
    let wrong = || Error::execution(format!("a mask {mask} is none for the scores {scores:?}"));
    match *mask.dims() {
        [count] if count == batch || count == 2 * batch => {
            let (ends, starts) = values.split_at(batch);
            let mut biases = Vec::with_capacity(batch * columns);
            for (index, &end) in ends.iter().enumerate() {
                let start = starts.get(index).copied().unwrap_or(0);
                biases.extend((0..columns as i64).map(|column| to_bias(column >= start && column < end)));
            }
            Tensor::new(&[batch, 1, 1, columns], biases)
        }
        // What stands for no mask.
        [own, 1] if columns > 1 && (own == batch || own == 1) => Tensor::new(&[1, 1, 1, 1], vec![0f32]),
        [own, all] if all == columns && (own == batch || own == 1) => Tensor::new(&[own, 1, 1, columns], flags()),
        [own, all, last] if last == columns && all == rows && (own == batch || own == 1) => {
            Tensor::new(&[own, 1, rows, columns], flags())
        }
        [own, 1, all, last] if own == batch && all >= past + rows && last >= columns => {
            let mut biases = Vec::with_capacity(batch * rows * columns);
            for sample in values.chunks_exact((all * last).max(1)) {
                let lines = sample.chunks_exact(last.max(1)).skip(past).take(rows);
                biases.extend(lines.flat_map(|line| line.iter().take(columns)).map(|&flag| to_bias(flag > 0)));
            }
            Tensor::new(&[batch, 1, rows, columns], biases)
        }
        _ => Err(wrong()),
    }
}
