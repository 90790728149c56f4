//! Numbers of any type as keys of one, in the same order.

use std::borrow::Cow;

use crate::error::Result;
use crate::tensor::{ElementType, Tensor};

/// The elements of a tensor, in the few forms that keys are made from.
pub enum Numbers<'a> {
    Float32(&'a [f32]),
    Float64(&'a [f64]),
    Unsigned(&'a [u64]),
    Integers(Cow<'a, [i64]>),
    /// Strings by their place in order, equal ones alike.
    Ranks(Vec<u64>),
}

/// Both zeros are one, and so are all NaN, above infinity.
fn key_of_f32(value: f32) -> u64 {
    let bits = if value.is_nan() { f32::NAN.to_bits() & !(1 << 31) } else { (value + 0.0).to_bits() };
    u64::from(if bits >> 31 == 0 { bits | 1 << 31 } else { !bits })
}

fn key_of_f64(value: f64) -> u64 {
    let bits = if value.is_nan() { f64::NAN.to_bits() & !(1 << 63) } else { (value + 0.0).to_bits() };
    if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
}

fn key_of_i64(value: i64) -> u64 {
    (value as u64) ^ (1 << 63)
}

impl Numbers<'_> {
    /// The elements of a tensor.
    pub fn of(tensor: &Tensor) -> Result<Numbers<'_>> {
        Ok(match tensor.element_type() {
            ElementType::Float32 => Numbers::Float32(tensor.slice()?),
            ElementType::Float64 => Numbers::Float64(tensor.slice()?),
            ElementType::Uint64 => Numbers::Unsigned(tensor.slice()?),
            ElementType::String => Numbers::Ranks(rank_strings(tensor.slice()?)),
            _ => Numbers::Integers(tensor.to_i64s()?),
        })
    }

    /// The keys of all elements.
    pub fn keys(&self) -> Vec<u64> {
        match self {
            Numbers::Float32(values) => values.iter().map(|&value| key_of_f32(value)).collect(),
            Numbers::Float64(values) => values.iter().map(|&value| key_of_f64(value)).collect(),
            Numbers::Unsigned(values) => values.to_vec(),
            Numbers::Integers(values) => values.iter().map(|&value| key_of_i64(value)).collect(),
            Numbers::Ranks(ranks) => ranks.clone(),
        }
    }

    /// The `count` largest or smallest of `size` elements, `stride` apart from `start` on, by key and index: the first first,
    /// and of equal ones the one of the lower index.
    pub fn select(
        &self,
        start: usize,
        stride: usize,
        size: usize,
        count: usize,
        is_largest: bool,
        chosen: &mut Vec<(u64, u32)>,
    ) {
        let flip = if is_largest { u64::MAX } else { 0 };
        fn along<T: Copy>(values: &[T], start: usize, stride: usize) -> impl Iterator<Item = T> {
            values.iter().skip(start).step_by(stride.max(1)).copied()
        }
        let mut selection = Selection { chosen, count, limit: None };
        selection.chosen.clear();
        let mut offer = |(index, key): (usize, u64)| selection.offer(key ^ flip, index as u32);
        match self {
            Numbers::Float32(values) => {
                along(values, start, stride).take(size).map(key_of_f32).enumerate().for_each(&mut offer)
            }
            Numbers::Float64(values) => {
                along(values, start, stride).take(size).map(key_of_f64).enumerate().for_each(&mut offer)
            }
            Numbers::Integers(values) => {
                along(values, start, stride).take(size).map(key_of_i64).enumerate().for_each(&mut offer)
            }
            Numbers::Unsigned(values) => along(values, start, stride).take(size).enumerate().for_each(&mut offer),
            Numbers::Ranks(values) => along(values, start, stride).take(size).enumerate().for_each(&mut offer),
        }
        selection.cut();
        selection.chosen.sort_unstable();
    }
}

/// The smallest keys so far, and some that may be.
struct Selection<'a> {
    chosen: &'a mut Vec<(u64, u32)>,
    count: usize,
    /// What a key must be below to be among the smallest.
    limit: Option<u64>,
}

impl Selection<'_> {
    fn offer(&mut self, key: u64, index: u32) {
        // Of equal keys the earlier one stays.
        if self.limit.is_none_or(|limit| key < limit) {
            self.chosen.push((key, index));
            if self.chosen.len() >= self.count * 2 + 64 {
                self.cut();
            }
        }
    }

    fn cut(&mut self) {
        if let Some(last) = self.count.checked_sub(1).filter(|&last| last < self.chosen.len()) {
            let (_, &mut (key, _), _) = self.chosen.select_nth_unstable(last);
            self.limit = Some(key);
            self.chosen.truncate(self.count);
        }
    }
}

fn rank_strings(values: &[String]) -> Vec<u64> {
    let mut order: Vec<&String> = values.iter().collect();
    order.sort_unstable();
    order.dedup();
    values.iter().map(|value| order.partition_point(|other| *other < value) as u64).collect()
}
