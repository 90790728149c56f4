//! Elements taken from where strides say: permuted, repeated, or off a diagonal.

use super::strided::row_major;

/// Appends the elements that `dims` and `strides` name, counted from the start of `from`, the last axis fastest. Elements
/// outside `from` are an end to it: whoever calls checks the number of elements.
pub fn gather_strided<T: Copy>(from: &[T], dims: &[usize], strides: &[usize], out: &mut Vec<T>) {
    match (dims, strides) {
        ([dim], [1]) => out.extend(from.get(..*dim).into_iter().flatten()),
        ([dim], [0]) => out.extend(from.first().into_iter().flat_map(|&value| std::iter::repeat_n(value, *dim))),
        ([dim], [stride]) => out.extend(from.iter().step_by(*stride).take(*dim)),
        ([dim, dims @ ..], [stride, strides @ ..]) => {
            for index in 0..*dim {
                gather_strided(from.get(index * stride..).unwrap_or_default(), dims, strides, out);
            }
        }
        _ => out.extend(from.first()),
    }
}

/// The strides of a tensor of `dims`.
pub fn strides_of(dims: &[usize]) -> Vec<usize> {
    row_major(dims).iter().map(|stride| stride.unsigned_abs()).collect()
}

/// The strides by which a tensor of `from` reads as one of `to`, if it can be broadcast so.
pub fn broadcast_strides(from: &[usize], to: &[usize]) -> Option<Vec<usize>> {
    let missing = to.len().checked_sub(from.len())?;
    let own = from.iter().zip(strides_of(from)).zip(to.iter().skip(missing));
    let own = own.map(|((&dim, stride), &wanted)| match dim {
        _ if dim == wanted => Some(stride),
        1 => Some(0),
        _ => None,
    });
    std::iter::repeat_n(Some(0), missing).chain(own).collect()
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn permutes_repeats_and_takes_diagonals() {
        let from: Vec<u32> = (0..6).collect();
        let take = |dims: &[usize], strides: &[usize]| {
            let mut out = vec![];
            gather_strided(&from, dims, strides, &mut out);
            out
        };
        assert_eq!(strides_of(&[2, 3]), [3, 1]);
        assert_eq!(take(&[3, 2], &[1, 3]), [0, 3, 1, 4, 2, 5]);
        assert_eq!(take(&[2, 2, 2], &[3, 0, 1]), [0, 1, 0, 1, 3, 4, 3, 4]);
        assert_eq!(take(&[2], &[4]), [0, 4]);
        assert_eq!(take(&[], &[]), [0]);
        assert_eq!(take(&[2, 0], &[3, 1]), [0u32; 0]);
        assert_eq!(broadcast_strides(&[3, 1], &[2, 3, 4]), Some(vec![0, 1, 0]));
        assert_eq!(broadcast_strides(&[2], &[3]), None);
    }
}
