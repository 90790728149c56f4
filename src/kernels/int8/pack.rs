//! The forms in which rows and columns are multiplied.

/// Columns side by side in a panel.
pub const PANEL: usize = 8;

/// A matrix of bytes.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// The elements.
    pub values: &'a [u8],
    /// Whether they are `i8`.
    pub is_signed: bool,
    /// From an element to the next of its row.
    pub along: usize,
    /// From a row to the next.
    pub across: usize,
}

/// The depth of packed rows and columns of `depth`: two at a time are multiplied.
pub fn pad_depth(depth: usize) -> usize {
    depth.next_multiple_of(2)
}

/// The panels of `columns`.
pub fn count_panels(columns: usize) -> usize {
    columns.div_ceil(PANEL)
}

/// Widens a row of `depth` elements less `zero`, pads it with 0 to the end of `to` and returns its sum.
pub fn pack_row(source: Source, row: usize, depth: usize, zero: i32, to: &mut [i16]) -> i32 {
    let values = source.values.get(row * source.across..).unwrap_or_default();
    let (to, padding) = to.split_at_mut(depth.min(to.len()));
    padding.fill(0);
    let zero = zero as i16;
    match (source.along, source.is_signed) {
        (1, true) => to.iter_mut().zip(values).for_each(|(to, &value)| *to = i16::from(value as i8) - zero),
        (1, false) => to.iter_mut().zip(values).for_each(|(to, &value)| *to = i16::from(value) - zero),
        (along, is_signed) => {
            for (to, &value) in to.iter_mut().zip(values.iter().step_by(along.max(1))) {
                *to = if is_signed { i16::from(value as i8) } else { i16::from(value) } - zero;
            }
        }
    }
    to.iter().map(|&value| i32::from(value)).sum()
}

/// Packs `columns` columns of `depth` elements, whose rows are those of `source`, into panels.
pub fn pack_columns(source: Source, depth: usize, columns: usize, to: &mut [i8]) {
    let flip = if source.is_signed { 0 } else { 0x80 };
    let panel = pad_depth(depth) * PANEL;
    let row = |index: usize| source.values.get(index * source.across..).unwrap_or_default();
    for (pair, k) in (0..depth).step_by(2).enumerate() {
        let (first, second) = (row(k), if k + 1 < depth { row(k + 1) } else { &[] });
        if source.along == 1 {
            let second = second.get(..columns).unwrap_or_default();
            pack_pair(first.get(..columns).unwrap_or_default(), second, flip, to, pair, panel);
            continue;
        }
        let along = source.along.max(1);
        for column in 0..columns {
            let at = column / PANEL * panel + pair * 2 * PANEL + column % PANEL * 2;
            let values = [first.get(column * along), second.get(column * along)];
            for (to, value) in to.iter_mut().skip(at).zip(values) {
                *to = value.map_or(0, |&value| (value ^ flip) as i8);
            }
        }
    }
}

/// Packs two rows of columns, the `pair`th, into panels of `panel` elements; of a missing second row nothing counts.
pub fn pack_pair(first: &[u8], second: &[u8], flip: u8, to: &mut [i8], pair: usize, panel: usize) {
    let at = pair * 2 * PANEL;
    let targets = to.chunks_mut(panel.max(1)).map(|panel| panel.get_mut(at..at + 2 * PANEL).unwrap_or_default());
    let (whole, rest) = first.as_chunks::<PANEL>();
    let (others, other_rest) = second.as_chunks::<PANEL>();
    let mut others = others.iter();
    let mut targets = targets.into_iter();
    for (first, target) in whole.iter().zip(targets.by_ref()) {
        let second = others.next().copied().unwrap_or_default();
        let Ok(target) = <&mut [i8; 2 * PANEL]>::try_from(target) else { return };
        for ((target, first), second) in target.as_chunks_mut::<2>().0.iter_mut().zip(first).zip(second) {
            *target = [(first ^ flip) as i8, (second ^ flip) as i8];
        }
    }
    if let Some(target) = targets.next().filter(|_| !rest.is_empty()) {
        for (index, (target, first)) in target.as_chunks_mut::<2>().0.iter_mut().zip(rest).enumerate() {
            let second = other_rest.get(index).copied().unwrap_or_default();
            *target = [(first ^ flip) as i8, (second ^ flip) as i8];
        }
    }
}
