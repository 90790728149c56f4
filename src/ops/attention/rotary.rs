//! Rotary position embeddings: pairs of numbers turned by an angle that grows with their position.

use crate::error::{Error, Result};
use crate::kernels::lanes::Lanes;
use crate::ops::normalization::with_floats;
use crate::ops::{Operator, Spec, single};
use crate::tensor::Tensor;

/// Rows `[batch, heads, length, size]`, or `[batch, length, heads, size]` where `is_flat`.
pub struct Rotation<'a, T> {
    pub cosines: &'a [T],
    pub sines: &'a [T],
    /// Pairs in a row of the tables.
    pub pairs: usize,
    /// Whether pairs stand side by side.
    pub is_interleaved: bool,
}

impl<T: Copy> Rotation<'_, T> {
    /// Turns the first `2 * pairs` numbers of a row by the angles of a position.
    pub fn turn<L: Lanes<Item = T>>(&self, row: &mut [T], position: usize) -> Result<()> {
        let mut cosines = self.cosines.chunks_exact(self.pairs.max(1));
        let mut sines = self.sines.chunks_exact(self.pairs.max(1));
        let (Some(cosines), Some(sines)) = (cosines.nth(position), sines.nth(position)) else {
            return Err(Error::execution(format!("there are no angles for the position {position}")));
        };
        if row.len() < 2 * self.pairs {
            return Err(Error::execution(format!("rows of {} are too short for {} angles", row.len(), self.pairs)));
        }
        let turn = |x: L, y: L, cosine: L, sine: L| (cosine.mul(x).sub(sine.mul(y)), sine.mul(x).add(cosine.mul(y)));
        let turn_one = |x: &mut T, y: &mut T, cosine: T, sine: T| {
            let turned = turn(L::splat(*x), L::splat(*y), L::splat(cosine), L::splat(sine));
            (*x, *y) = (turned.0.first(), turned.1.first());
        };
        if self.is_interleaved {
            for (pair, (&cosine, &sine)) in row.chunks_exact_mut(2).zip(cosines.iter().zip(sines)) {
                if let [x, y] = pair {
                    turn_one(x, y, cosine, sine);
                }
            }
            return Ok(());
        }
        let (xs, rest) = row.split_at_mut(self.pairs);
        let (ys, _) = rest.split_at_mut(self.pairs);
        let (mut xs, mut ys) = (xs.chunks_exact_mut(L::WIDTH), ys.chunks_exact_mut(L::WIDTH));
        let (mut cosines, mut sines) = (cosines.chunks_exact(L::WIDTH), sines.chunks_exact(L::WIDTH));
        for (((x, y), cosine), sine) in xs.by_ref().zip(ys.by_ref()).zip(cosines.by_ref()).zip(sines.by_ref()) {
            let turned = turn(L::read(x), L::read(y), L::read(cosine), L::read(sine));
            turned.0.write(x);
            turned.1.write(y);
        }
        let angles = cosines.remainder().iter().zip(sines.remainder());
        for ((x, y), (&cosine, &sine)) in xs.into_remainder().iter_mut().zip(ys.into_remainder()).zip(angles) {
            turn_one(x, y, cosine, sine);
        }
        Ok(())
    }
}

/// <https://onnx.ai/onnx/operators/onnx__RotaryEmbedding.html>
pub(super) fn rotary(spec: &mut Spec) -> Result<Operator> {
    make(spec, [1, 2, 3])
}

/// <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.RotaryEmbedding>
pub(super) fn rotary_microsoft(spec: &mut Spec) -> Result<Operator> {
    make(spec, [2, 3, 1])
}

fn make(spec: &mut Spec, [cosines, sines, positions]: [usize; 3]) -> Result<Operator> {
    let is_interleaved = spec.flag("interleaved", false);
    let count = |name: &str| usize::try_from(spec.int_or(name, 0)).ok().filter(|&count| count > 0);
    let (heads, turned) = (count("num_heads"), count("rotary_embedding_dim"));
    single(move |call| {
        let x = call.take(0)?;
        let (cosines, sines) = (call.tensor(cosines)?, call.tensor(sines)?);
        let positions = call.optional(positions)?;
        if x.is_empty() {
            return Ok(x);
        }
        let pairs = cosines.dims().last().copied().unwrap_or(0);
        let (batch, length, size, is_flat) = match (x.dims(), heads) {
            (&[batch, _, length, size], _) => (batch, length, size, false),
            // The heads of a row without their number: the tables tell it, unless they are for a part.
            (&[batch, length, width], heads) => {
                let size = heads.map_or(2 * pairs, |heads| width / heads);
                (batch, length, size, true)
            }
            _ => return Err(Error::execution("expected three axes or four")),
        };
        if turned.unwrap_or(size) != 2 * pairs || size == 0 {
            return Err(Error::execution(format!("{pairs} angles are not half of {}", turned.unwrap_or(size))));
        }
        with_floats!(x, L => {
            let rotation =
                Rotation { cosines: cosines.slice()?, sines: sines.slice()?, pairs, is_interleaved };
            let places = places_of(positions, batch, length)?;
            turn_all::<L>(x, &rotation, &places, size, is_flat)
        })
    })
}

/// The position of each row of `[batch, length]`: as given, from one that is given on, or the row itself where none are.
fn places_of(positions: Option<&Tensor>, batch: usize, length: usize) -> Result<Vec<usize>> {
    let count = batch * length;
    let Some(positions) = positions else { return Ok((0..count).collect()) };
    let given = positions.to_i64s()?;
    let to_place =
        |position: i64| usize::try_from(position).map_err(|_| Error::execution(format!("a position of {position}")));
    match &*given {
        [start] if positions.rank() < 2 => {
            let start = to_place(*start)?;
            Ok((0..count).map(|row| start + row % length).collect())
        }
        given if given.len() == count => given.iter().map(|&position| to_place(position)).collect(),
        _ => Err(Error::execution(format!("expected positions [{batch},{length}], got {positions}"))),
    }
}

fn turn_all<L: Lanes>(
    x: Tensor,
    rotation: &Rotation<L::Item>,
    places: &[usize],
    size: usize,
    is_flat: bool,
) -> Result<Tensor> {
    let dims = x.dims().to_vec();
    let (length, per_place) = match dims.as_slice() {
        [_, heads, length, _] => (*length, *heads),
        [_, length, width] => (*length, width / size),
        _ => (0, 0),
    };
    let mut values = x.into_vec::<L::Item>()?;
    for (index, row) in values.chunks_exact_mut(size).enumerate() {
        let place = match is_flat {
            true => index / per_place.max(1),
            false => index / (length * per_place).max(1) * length + index % length.max(1),
        };
        rotation.turn::<L>(row, places.get(place).copied().unwrap_or(usize::MAX))?;
    }
    Tensor::new(&dims, values)
}
