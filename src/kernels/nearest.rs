//! Copies of elements from positions that are known for each axis.

/// Where the elements of each axis come from; from nowhere outside the input.
pub struct Map<'a> {
    dims: &'a [usize],
    axes: &'a [Vec<Option<usize>>],
    /// How many axes at the end stay as they are.
    kept: usize,
    /// How often each element of the last axis stands, where that is all.
    repeats: Option<usize>,
}

impl<'a> Map<'a> {
    /// For an input of `dims`.
    pub fn new(dims: &'a [usize], axes: &'a [Vec<Option<usize>>]) -> Map<'a> {
        let repeats = |times: usize, places: &[Option<usize>]| {
            places.iter().enumerate().all(|(index, &place)| place == Some(index / times))
        };
        let axes_from_last = dims.iter().zip(axes).rev();
        let kept = axes_from_last.take_while(|(dim, places)| places.len() == **dim && repeats(1, places)).count();
        let last = dims.last().zip(axes.last()).and_then(|(&dim, places)| {
            let times = places.len().checked_div(dim)?;
            (times > 0 && times * dim == places.len() && repeats(times, places)).then_some(times)
        });
        Map { dims, axes, kept, repeats: last }
    }

    /// Adds the elements to `into`, and `outside` where they come from nowhere.
    pub fn copy<T: Clone>(&self, from: &[T], outside: &T, into: &mut Vec<T>) {
        if !self.axes.iter().any(Vec::is_empty) {
            self.copy_axis(0, from, outside, into);
        }
    }

    fn copy_axis<T: Clone>(&self, axis: usize, from: &[T], outside: &T, into: &mut Vec<T>) {
        let Some(places) = self.axes.get(axis).filter(|_| axis + self.kept < self.axes.len()) else {
            into.extend_from_slice(from);
            return;
        };
        if axis + 1 == self.axes.len() {
            match self.repeats {
                Some(times) => repeat(from, times, into),
                None => {
                    into.extend(places.iter().map(|place| place.and_then(|at| from.get(at)).unwrap_or(outside).clone()))
                }
            }
            return;
        }
        let step: usize = self.dims.iter().skip(axis + 1).product();
        let size: usize = self.axes.iter().skip(axis + 1).map(Vec::len).product();
        let mut last = None;
        for &place in places {
            match place {
                _ if last == Some(place) => into.extend_from_within(into.len() - size..),
                None => into.resize(into.len() + size, outside.clone()),
                Some(place) => {
                    let block = from.get(place * step..(place + 1) * step).unwrap_or_default();
                    self.copy_axis(axis + 1, block, outside, into);
                }
            }
            last = Some(place);
        }
    }
}

fn repeat<T: Clone>(from: &[T], times: usize, into: &mut Vec<T>) {
    let Some(first) = from.first() else { return };
    let start = into.len();
    into.resize(start + from.len() * times, first.clone());
    let into = into.get_mut(start..).unwrap_or_default();
    match times {
        2 => {
            for ([a, b], value) in into.as_chunks_mut::<2>().0.iter_mut().zip(from) {
                (*a, *b) = (value.clone(), value.clone());
            }
        }
        _ => into.chunks_exact_mut(times.max(1)).zip(from).for_each(|(same, value)| same.fill(value.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_come_from_where_the_map_says() {
        let kept = |count: usize| (0..count).map(Some).collect::<Vec<_>>();
        let doubled = |count: usize| (0..count * 2).map(|index| Some(index / 2)).collect::<Vec<_>>();
        let odd = vec![Some(1), None, Some(0), Some(0), Some(2), None, None];
        let choices = [kept(3), doubled(3), odd, (0..9).map(|index| Some(index / 3)).collect(), vec![Some(2)], vec![]];
        let from: Vec<String> = (0..27).map(|index| index.to_string()).collect();
        let outside = "none".to_string();
        for first in &choices {
            for second in &choices {
                for third in &choices {
                    let axes = [first.clone(), second.clone(), third.clone()];
                    let mut into = Vec::new();
                    Map::new(&[3, 3, 3], &axes).copy(&from, &outside, &mut into);
                    let places = first
                        .iter()
                        .flat_map(|a| second.iter().flat_map(move |b| third.iter().map(move |c| (a, b, c))));
                    let expected: Vec<String> = places
                        .map(|(a, b, c)| {
                            a.zip(*b).zip(*c).map_or(outside.clone(), |((a, b), c)| (a * 9 + b * 3 + c).to_string())
                        })
                        .collect();
                    assert_eq!(into, expected);
                }
            }
        }
    }
}
