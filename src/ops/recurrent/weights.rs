//! The weights of a recurrent layer, packed for its products.

use super::{Kind, Layer};
use crate::error::{Error, Result};
use crate::kernels::recurrent::{Panels, Real, WIDTH};
use crate::tensor::{Tensor, count_elements};

/// The weights of all directions.
#[derive(Debug)]
pub struct Weights<T> {
    /// In the order of the layer's directions.
    pub directions: Vec<Direction<T>>,
    /// The length of a step's input.
    pub input: usize,
    /// The length of the state.
    pub hidden: usize,
}

/// The weights of one direction.
#[derive(Debug)]
pub struct Direction<T> {
    /// A step's input to the gates.
    pub input: Panels<T>,
    /// What is added to that, the same at each step.
    pub bias: Vec<T>,
    /// The state to the gates; GRU: but for the last one.
    pub recurrent: Panels<T>,
    /// GRU: the state to the last gate.
    pub fresh: Panels<T>,
    /// GRU: what is added to that product, where the reset gate applies to it.
    pub fresh_bias: Vec<T>,
}

/// Part `index` of the elements, cut into `count` parts.
pub fn part<T>(values: &[T], index: usize, count: usize) -> &[T] {
    let size = values.len() / count.max(1);
    values.get(index * size..(index + 1) * size).unwrap_or_default()
}

impl<T: Real> Weights<T> {
    /// Packs the weights `W`, `R` and `B` of the specification.
    pub fn new(layer: &Layer, input: &Tensor, recurrent: &Tensor, bias: Option<&Tensor>) -> Result<Weights<T>> {
        let (directions, gates) = (layer.directions.len(), layer.kind.gates());
        let wrong = |name: &str, tensor: &Tensor| Error::invalid(format!("weights {name} {tensor} that do not fit"));
        let (&[_, _, inner], &[_, _, hidden]) = (input.dims(), recurrent.dims()) else {
            return Err(wrong("W", input));
        };
        // Panels are filled up to their width: what comes of that is over the limit for one tensor too where they are.
        let rows = gates.checked_mul(hidden).ok_or_else(|| wrong("R", recurrent))?;
        count_elements::<T>(&[rows.saturating_add(WIDTH - 1), inner.max(hidden)])?;
        if input.dims() != [directions, rows, inner] {
            return Err(wrong("W", input));
        }
        if recurrent.dims() != [directions, rows, hidden] || layer.hidden.is_some_and(|size| size != hidden) {
            return Err(wrong("R", recurrent));
        }
        if let Some(bias) = bias.filter(|bias| bias.dims() != [directions, 2 * rows]) {
            return Err(wrong("B", bias));
        }
        let bias = bias.map_or(Ok(&[][..]), Tensor::slice)?;
        let (w, r) = (input.slice::<T>()?, recurrent.slice::<T>()?);
        let pack = |index| {
            let (w, r, b) = (part(w, index, directions), part(r, index, directions), part(bias, index, directions));
            Direction::new(layer, (w, r, b), rows, hidden)
        };
        Ok(Weights { directions: (0..directions).map(pack).collect(), input: inner, hidden })
    }
}

/// The transpose of `count` rows.
fn transpose<T: Real>(rows: &[T], count: usize) -> Panels<T> {
    let inner = rows.len() / count.max(1);
    Panels::new(inner, count, |row, column| rows.get(column * inner + row).copied())
}

impl<T: Real> Direction<T> {
    fn new(layer: &Layer, (w, r, b): (&[T], &[T], &[T]), rows: usize, hidden: usize) -> Direction<T> {
        // The gates whose product with the state comes first.
        let first = if layer.kind == Kind::Gru { rows - hidden } else { rows };
        let (r, r_fresh) = r.split_at_checked(first * hidden).unwrap_or_default();
        let mut bias = part(b, 0, 2).to_vec();
        bias.resize(rows, T::ZERO);
        let added = part(b, 1, 2);
        let apart = if layer.kind == Kind::Gru && layer.resets_product { hidden } else { 0 };
        bias.iter_mut().zip(added.iter().take(rows - apart)).for_each(|(bias, &added)| *bias = *bias + added);
        let mut fresh_bias: Vec<T> = added.iter().skip(rows - apart).copied().collect();
        fresh_bias.resize(apart, T::ZERO);
        Direction {
            input: transpose(w, rows),
            bias,
            recurrent: transpose(r, first),
            fresh: transpose(r_fresh, rows - first),
            fresh_bias,
        }
    }
}
