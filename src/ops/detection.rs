//! Boxes.

use super::{Call, Entry, Operator, Spec, onnx, single};
use crate::error::{Error, Result};
use crate::tensor::{Element, Tensor};

pub const ENTRIES: &[Entry] = &[onnx("NonMaxSuppression", non_max_suppression)];

// `f32::min` and `f32::max` are calls into the C library on wasm, for the sake of NaN, which no overlap survives.
fn lesser(a: f32, b: f32) -> f32 {
    if b < a { b } else { a }
}

fn greater(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}

/// A box by its corners.
struct Area {
    top: f32,
    left: f32,
    bottom: f32,
    right: f32,
    size: f32,
}

impl Area {
    fn read(numbers: &[f32; 4], has_center: bool) -> Area {
        let [a, b, c, d] = *numbers;
        let (top, left, bottom, right) = if has_center {
            (b - d / 2.0, a - c / 2.0, b + d / 2.0, a + c / 2.0)
        } else {
            (lesser(a, c), lesser(b, d), greater(a, c), greater(b, d))
        };
        Area { top, left, bottom, right, size: (bottom - top) * (right - left) }
    }

    /// Whether the common part is more than a share of both together.
    fn overlaps(&self, other: &Area, share: f32) -> bool {
        let height = lesser(self.bottom, other.bottom) - greater(self.top, other.top);
        let width = lesser(self.right, other.right) - greater(self.left, other.left);
        if !(height > 0.0 && width > 0.0) {
            return false;
        }
        let common = height * width;
        let both = self.size + other.size - common;
        self.size > 0.0 && other.size > 0.0 && both > 0.0 && common / both > share
    }
}

/// <https://onnx.ai/onnx/operators/onnx__NonMaxSuppression.html>
fn non_max_suppression(spec: &mut Spec) -> Result<Operator> {
    let has_center = spec.flag("center_point_box", false);
    single(move |call| suppress(call, has_center))
}

/// An optional input of one element.
fn read_one<T: Element>(call: &Call, index: usize) -> Result<Option<T>> {
    Ok(call.optional(index)?.map(|tensor| tensor.slice::<T>()).transpose()?.and_then(|values| values.first().cloned()))
}

fn suppress(call: &Call, has_center: bool) -> Result<Tensor> {
    let (boxes, scores) = (call.tensor(0)?, call.tensor(1)?);
    let (&[batches, count, 4], &[score_batches, classes, score_count]) = (boxes.dims(), scores.dims()) else {
        return Err(Error::execution(
            "expected boxes of dims [batches, boxes, 4] and scores [batches, classes, boxes]",
        ));
    };
    if (batches, count) != (score_batches, score_count) {
        return Err(Error::execution("expected as many scores as boxes"));
    }
    let most = read_one::<i64>(call, 2)?.unwrap_or(0);
    let share = read_one::<f32>(call, 3)?.unwrap_or(0.0);
    if !(0.0..=1.0).contains(&share) {
        return Err(Error::execution(format!("expected an iou_threshold from 0 to 1, got {share}")));
    }
    let least = read_one::<f32>(call, 4)?;
    let (boxes, scores) = (boxes.slice::<f32>()?.as_chunks::<4>().0, scores.slice::<f32>()?);
    let mut selected = Vec::new();
    if most <= 0 || count == 0 || classes == 0 {
        return Tensor::new(&[0, 3], selected);
    }
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    for (batch, (boxes, scores)) in boxes.chunks_exact(count).zip(scores.chunks_exact(count * classes)).enumerate() {
        let areas: Vec<Area> = boxes.iter().map(|numbers| Area::read(numbers, has_center)).collect();
        for (class, scores) in scores.chunks_exact(count).enumerate() {
            let candidates = scores.iter().zip(&areas).enumerate();
            let mut candidates: Vec<(usize, f32, &Area)> = candidates
                .filter(|(_, (score, _))| least.is_none_or(|least| **score > least))
                .map(|(index, (&score, area))| (index, score, area))
                .collect();
            candidates.sort_unstable_by(|a, b| {
                let by_score = b.1.partial_cmp(&a.1).unwrap_or(a.1.is_nan().cmp(&b.1.is_nan()));
                by_score.then(a.0.cmp(&b.0))
            });
            let mut kept: Vec<&Area> = Vec::new();
            for (index, _, area) in candidates {
                if kept.len() >= most {
                    break;
                }
                if !kept.iter().any(|known| known.overlaps(area, share)) {
                    kept.push(area);
                    selected.extend([batch as i64, class as i64, index as i64]);
                }
            }
        }
    }
    Tensor::new(&[selected.len() / 3, 3], selected)
}
