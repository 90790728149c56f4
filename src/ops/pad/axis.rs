//! Where the elements along a padded axis come from.

use crate::error::{Error, Result};

/// What the elements around a tensor are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mode {
    Constant,
    Edge,
    Reflect,
    Wrap,
}

/// Neighbours along an axis of the result.
#[derive(Debug, PartialEq)]
pub enum Piece {
    /// So many that are the constant.
    Fill(usize),
    /// `count` from `start` on, `step` (1, 0 or -1) apart.
    Copy { start: usize, count: usize, step: isize },
}

/// An axis of a Pad.
pub struct PaddedAxis {
    pub pieces: Vec<Piece>,
    /// The elements of the source that one index stands for.
    pub stride: usize,
    /// The elements of the result that one index stands for.
    pub unit: usize,
}

/// The pieces of an axis of `length` elements from one of `size`, `before` of which come before those that are there. What
/// a negative pad takes off is gone before the rest is repeated.
pub fn pieces(mode: Mode, size: usize, length: usize, before: i64) -> Result<Vec<Piece>> {
    let (size, length) = (size as i64, length as i64);
    let behind = length - size - before;
    let low = (-before).max(0);
    let window = size + behind.min(0) - low;
    if mode != Mode::Constant && window <= 0 {
        return Err(Error::execution(format!("an axis of {size} elements has none to pad with")));
    }
    let find = |index: i64| match mode {
        Mode::Constant => Some(index - before).filter(|index| (0..size).contains(index)),
        _ => Some(low + repeat(mode, index - before.max(0), window)),
    };
    let mut pieces: Vec<Piece> = vec![];
    for index in 0..length {
        let place = find(index).and_then(|place| usize::try_from(place).ok());
        match (pieces.last_mut(), place) {
            (Some(Piece::Fill(count)), None) => *count += 1,
            (_, None) => pieces.push(Piece::Fill(1)),
            (Some(Piece::Copy { start, count, step }), Some(place)) if follows(*start, *count, *step, place) => {
                *step = if *count == 1 { place as isize - *start as isize } else { *step };
                *count += 1;
            }
            (_, Some(place)) => pieces.push(Piece::Copy { start: place, count: 1, step: 1 }),
        }
    }
    Ok(pieces)
}

fn follows(start: usize, count: usize, step: isize, place: usize) -> bool {
    match count {
        1 => place.abs_diff(start) <= 1,
        _ => start.checked_add_signed(step * count as isize) == Some(place),
    }
}

fn repeat(mode: Mode, index: i64, window: i64) -> i64 {
    match mode {
        Mode::Reflect => {
            let period = (2 * (window - 1)).max(1);
            let index = index.rem_euclid(period);
            index.min(period - index).min(window - 1)
        }
        Mode::Wrap => index.rem_euclid(window.max(1)),
        Mode::Edge | Mode::Constant => index.clamp(0, window - 1),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn places(mode: Mode, size: usize, before: i64, behind: i64) -> Vec<i64> {
        let length = (size as i64 + before + behind) as usize;
        let mut places = vec![];
        for piece in pieces(mode, size, length, before).unwrap() {
            match piece {
                Piece::Fill(count) => places.extend(vec![-1; count]),
                Piece::Copy { start, count, step } => {
                    places.extend((0..count as i64).map(|index| start as i64 + index * step as i64));
                }
            }
        }
        places
    }

    #[test]
    fn each_mode_repeats_in_its_way() {
        assert_eq!(places(Mode::Constant, 3, 2, 1), [-1, -1, 0, 1, 2, -1]);
        assert_eq!(places(Mode::Edge, 3, 2, 1), [0, 0, 0, 1, 2, 2]);
        assert_eq!(places(Mode::Reflect, 3, 3, 2), [1, 2, 1, 0, 1, 2, 1, 0]);
        assert_eq!(places(Mode::Reflect, 1, 2, 1), [0, 0, 0, 0]);
        assert_eq!(places(Mode::Wrap, 3, 4, 1), [2, 0, 1, 2, 0, 1, 2, 0]);
        assert_eq!(places(Mode::Constant, 4, -1, 1), [1, 2, 3, -1]);
        assert_eq!(places(Mode::Constant, 4, -5, 3), [-1, -1]);
        assert_eq!(places(Mode::Reflect, 5, -2, 2), [2, 3, 4, 3, 2]);
        assert!(pieces(Mode::Edge, 0, 2, 1).is_err());
    }
}
