//! Convolutions with three by three weights in fewer multiplications: four by four pixels of the result cost 36 instead of
//! 144. Lavin and Gray, "Fast algorithms for convolutional neural networks", 2015, F(4x4, 3x3).
//!
//! Tiles of six by six pixels are transformed, multiplied by transformed weights, summed over the channels, and transformed
//! back. The sums are 36 products of matrices. The polynomials behind it are taken at 0, +-1/sqrt(2), +-sqrt(2) and infinity,
//! which loses less of float32's precision than the whole numbers of the paper.

use std::cell::Cell;
use std::f32::consts::{FRAC_1_SQRT_2, SQRT_2};

use super::padded::{Layout, SLACK, Window};
use super::{Channels, Geometry};
use crate::error::Result;
use crate::kernels::gemm::{Finish, Left, Matrix, PackedLeft, Right, Shape, multiply};
use crate::kernels::parallel::{self, Shared, part_of};
use crate::kernels::simd::F32x4;

/// Pixels of the result along a side of a tile.
const SIDE: usize = 4;
/// Places of a transformed tile.
const PLACES: usize = 36;
/// Tiles are transformed four at a time.
const LANES: usize = 4;
/// Elements of transformed tiles and sums that are worked on at a time.
const BLOCK: usize = 1 << 18;
/// With fewer channels, transforming costs more than it saves.
const FEWEST: usize = 16;
/// With more weights, their transforms, four times as large, take more memory than they are worth.
const MOST: usize = 1 << 15;
/// Bytes that the transforms of one model may take: a worker of 128 MB has room for them beside 40 MB of weights.
const MOST_BYTES: usize = 40 << 20;

thread_local! {
    /// What is left of [`MOST_BYTES`] for the model that is being loaded.
    static LEFT: Cell<usize> = const { Cell::new(MOST_BYTES) };
}

/// Begins with a model, none of whose weights has been given room for transforms.
pub fn allow_transforms() {
    LEFT.set(MOST_BYTES);
}

/// Whether there is room for the transforms of these channels, which then is theirs.
pub fn take_room(channels: &Channels) -> bool {
    let bytes = PLACES * size_of::<f32>() * channels.input * channels.output;
    let left = LEFT.get().checked_sub(bytes);
    left.inspect(|left| LEFT.set(*left)).is_some()
}

/// Whether convolutions of these channels are worth transforming.
pub fn is_worthwhile(channels: &Channels) -> bool {
    let Channels { input, output, groups } = *channels;
    groups == 1 && input >= FEWEST && output >= FEWEST && input * output <= MOST
}

/// Whether tiles fit the convolution.
pub fn is_suited(geometry: &Geometry) -> bool {
    let [depth, rows, columns] = geometry.output;
    geometry.kernel == [1, 3, 3]
        && geometry.stride == [1; 3]
        && geometry.dilation == [1; 3]
        && depth == 1
        && rows >= 2 * SIDE
        && columns > (LANES - 1) * SIDE
}

/// Six values of three weights, which are those of their polynomial at the six points, scaled.
fn spread([first, second, third]: [f64; 3]) -> [f64; 6] {
    const R: f64 = std::f64::consts::SQRT_2;
    let (outer, inner) = (-2.0 / 3.0 * first - third / 3.0, first / 6.0 + third / 3.0);
    let (far, near) = (R / 3.0 * second, R / 6.0 * second);
    [first, outer - far, outer + far, inner + near, inner - near, third]
}

/// Transforms the weights of an output channel, nine for each input channel. Called once for each, since V8 puts an optimised
/// function in the place of the one it starts with between calls only.
#[inline(never)]
fn transform_weights(mut weights: impl Iterator<Item = f32>, transforms: &mut [[f32; PLACES]]) {
    for transform in transforms {
        let mut nine = [[0.0; 3]; 3];
        nine.as_flattened_mut().iter_mut().zip(&mut weights).for_each(|(to, weight)| *to = f64::from(weight));
        let [first, second, third] = nine.map(spread);
        for (column, ((first, second), third)) in first.into_iter().zip(second).zip(third).enumerate() {
            let places = transform.iter_mut().skip(column).step_by(6);
            places.zip(spread([first, second, third])).for_each(|(to, value)| *to = value as f32);
        }
    }
}

/// The transforms of weights, a matrix of output by input channels for each place.
#[derive(Debug, Clone)]
pub struct Transformed(Vec<PackedLeft>);

impl Transformed {
    /// Transforms nine weights for each pair of an output and an input channel.
    pub fn new(weights: &PackedLeft) -> Result<Transformed> {
        let (m, k) = (weights.rows(), weights.columns() / 9);
        let mut places = (0..PLACES).map(|_| PackedLeft::zeros(m, k)).collect::<Result<Vec<_>>>()?;
        let mut transforms = vec![[0.0; PLACES]; k];
        for row in 0..m {
            transform_weights(weights.row(row), &mut transforms);
            for (place, matrix) in places.iter_mut().enumerate() {
                let values = transforms.iter().filter_map(|transform| transform.get(place));
                matrix.row_mut(row).zip(values).for_each(|(to, value)| *to = *value);
            }
        }
        Ok(Transformed(places))
    }

    /// Convolves an image; sizes were checked.
    pub fn convolve(&self, geometry: &Geometry, image: &[f32], finish: &Finish, result: &mut [f32]) -> Result<()> {
        let (Some(first), [_, rows, columns]) = (self.0.first(), geometry.output) else { return Ok(()) };
        let (m, k) = (first.rows(), first.columns());
        let (tile_rows, tile_columns) = (rows.div_ceil(SIDE), columns.div_ceil(SIDE));
        let tiles = Geometry {
            output: [1, tile_rows, tile_columns],
            kernel: [1, SIDE + 2, SIDE + 2],
            stride: [1, SIDE, SIDE],
            ..*geometry
        };
        let height = (BLOCK / (PLACES * (m + k) * tile_columns)).clamp(1, tile_rows);
        // Blocks of one height rather than a low one at the end.
        let height = tile_rows.div_ceil(tile_rows.div_ceil(height));
        let layout = Layout::new(&tiles, [1, height, tile_columns]);
        let taps = layout.taps();
        let taps: &[usize; PLACES] = taps.as_slice().try_into().map_err(|_| super::misfit(geometry))?;
        let mut transformed = vec![0.0; PLACES * k * height * tile_columns];
        let mut sums = vec![0.0; PLACES * m * height * tile_columns];
        for start in (0..tile_rows).step_by(height) {
            let window: Window = [0..1, start..tile_rows.min(start + height), 0..tile_columns];
            let [_, lines, _] = &window;
            let count = lines.len() * tile_columns;
            let runs = layout.list_runs(&window);
            let pixels = geometry.input_pixels();
            // A place of a tile takes some dozen instructions for four, in either direction.
            let parts = |channels: usize| parallel::count_parts(4 * PLACES * channels * count, channels);
            let (ins, outs) = (parts(k), parts(m));
            let shared = Shared::new(&mut transformed);
            parallel::run(ins, |part| {
                let mut copy = vec![0.0; layout.channel() + SLACK];
                for channel in part_of(k, 1, part, ins) {
                    runs.copy(image.get(channel * pixels..(channel + 1) * pixels).unwrap_or_default(), &mut copy);
                    let to =
                        Lines { rows: lines.len(), columns: tile_columns, start: channel * count, place: k * count };
                    transform_tiles(&copy, layout.pitch(), taps, &to, &shared);
                }
            });
            let cost = (PLACES * m * k).saturating_mul(count);
            let places = parallel::count_parts(cost, PLACES);
            let shared = Shared::new(&mut sums);
            parallel::try_run(places, |part| {
                for place in part_of(PLACES, 1, part, places) {
                    let Some(weights) = self.0.get(place) else { continue };
                    let transformed = transformed.get(place * k * count..(place + 1) * k * count).unwrap_or_default();
                    // SAFETY: each place has a part of its own.
                    let sums = unsafe { shared.part(place * m * count..(place + 1) * m * count) };
                    let right = Right::Matrix(Matrix::rows(transformed, count));
                    multiply(Shape { m, k, n: count }, Left::Packed(weights), right, &Finish::default(), sums, count)?;
                }
                Ok(())
            })?;
            let pixels = start * SIDE * columns..(lines.end * SIDE).min(rows) * columns;
            let shared = Shared::new(result);
            parallel::run(outs, |part| {
                for channel in part_of(m, 1, part, outs) {
                    let from =
                        Lines { rows: lines.len(), columns: tile_columns, start: channel * count, place: m * count };
                    let bias = finish.row_bias.and_then(|bias| bias.get(channel)).copied().unwrap_or(0.0);
                    let first = channel * rows * columns;
                    let place = first + pixels.start..first + pixels.end;
                    let residual = finish.residual.and_then(|residual| residual.get(place.clone()));
                    // SAFETY: each channel has a part of its own.
                    let result = unsafe { shared.part(place) };
                    let range = if finish.activation.is_range() { finish.activation.range() } else { super::ALL };
                    let last = Last { bias, residual, range, columns };
                    transform_back(&sums, &from, &last, result);
                    if !finish.activation.is_range() {
                        finish.activation.apply(result);
                    }
                }
            });
        }
        Ok(())
    }
}

/// Where the tiles of a channel are among those of all: rows of tiles, one behind the other, and `place` elements from one
/// place of the tiles to the next.
struct Lines {
    rows: usize,
    columns: usize,
    start: usize,
    place: usize,
}

impl Lines {
    /// The first four of each group of tiles, row by row: the last group of a row overlaps the one before.
    fn groups(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let columns = self.columns;
        let starts = move |row| (0..columns).step_by(LANES).map(move |start| (row, start.min(columns - LANES)));
        (0..self.rows).flat_map(starts)
    }

    /// Whether all tiles are among `length` elements, four in a row at least.
    fn fits(&self, length: usize) -> bool {
        self.columns >= LANES && (PLACES - 1) * self.place + self.start + self.rows * self.columns <= length
    }
}

/// `B^T d` for six elements of a line.
#[inline(always)]
fn transform_line([a, b, c, d, e, f]: [F32x4; 6]) -> [F32x4; 6] {
    let splat = F32x4::splat;
    let (even, odd) = (c.mul_add(splat(-2.0), e), b.mul_add(splat(-2.0), d).mul(splat(FRAC_1_SQRT_2)));
    let (far_even, far_odd) = (c.mul_add(splat(-0.5), e), b.mul_add(splat(-0.5), d).mul(splat(SQRT_2)));
    [
        c.mul_add(splat(-2.5), a.add(e)),
        even.add(odd),
        even.sub(odd),
        far_even.add(far_odd),
        far_even.sub(far_odd),
        d.mul_add(splat(-2.5), b.add(f)),
    ]
}

/// `A^T m` for six elements of a line.
#[inline(always)]
fn transform_line_back([a, b, c, d, e, f]: [F32x4; 6]) -> [F32x4; 4] {
    let splat = F32x4::splat;
    let (sum, difference) = (b.add(c), b.sub(c).mul(splat(FRAC_1_SQRT_2)));
    let (far_sum, far_difference) = (d.add(e), d.sub(e).mul(splat(SQRT_2)));
    [
        a.add(sum).add(far_sum),
        difference.add(far_difference),
        far_sum.mul_add(splat(2.0), sum.mul(splat(0.5))),
        far_difference.mul_add(splat(2.0), difference.mul_add(splat(0.5), f)),
    ]
}

/// Rows for columns.
#[inline(always)]
fn turn<const R: usize, const C: usize>(lines: [[F32x4; C]; R]) -> [[F32x4; R]; C] {
    let mut turned = [[F32x4::splat(0.0); R]; C];
    for (row, line) in lines.into_iter().enumerate() {
        for (turned, value) in turned.iter_mut().zip(line) {
            if let Some(to) = turned.get_mut(row) {
                *to = value;
            }
        }
    }
    turned
}

/// Transforms the tiles of a channel, which `copy` holds so that neighbours are neighbours.
#[inline(never)]
fn transform_tiles(copy: &[f32], pitch: usize, taps: &[usize; PLACES], lines: &Lines, to: &Shared<f32>) {
    let furthest = taps.iter().copied().max().unwrap_or(0) + lines.rows.saturating_sub(1) * pitch + lines.columns;
    if furthest > copy.len() || !lines.fits(to.len()) {
        return;
    }
    let (copy, to) = (copy.as_ptr(), to.start());
    for (row, column) in lines.groups() {
        // SAFETY: the last tile at the furthest tap is inside `copy`, and at the last place inside `to`; nobody else writes
        // the channel's tiles.
        unsafe {
            let from = copy.add(row * pitch + column);
            let mut tile = [[F32x4::splat(0.0); 6]; 6];
            for (line, taps) in tile.iter_mut().zip(taps.as_chunks::<6>().0) {
                *line = transform_line(taps.map(|tap| F32x4::load(from.add(tap))));
            }
            let to = to.add(lines.start + row * lines.columns + column);
            for (second, line) in turn(tile).into_iter().enumerate() {
                for (first, value) in transform_line(line).into_iter().enumerate() {
                    value.store(to.add((first * 6 + second) * lines.place));
                }
            }
        }
    }
}

/// What is done to sums at last.
struct Last<'a> {
    bias: f32,
    residual: Option<&'a [f32]>,
    range: (f32, f32),
    /// Pixels of a row of the result.
    columns: usize,
}

/// Transforms the sums of a channel back to rows of the result.
#[inline(never)]
fn transform_back(sums: &[f32], lines: &Lines, last: &Last, result: &mut [f32]) {
    if !lines.fits(sums.len()) {
        return;
    }
    let (low, high) = (F32x4::splat(last.range.0), F32x4::splat(last.range.1));
    let bias = F32x4::splat(last.bias);
    for (row, column) in lines.groups() {
        let mut tile = [[F32x4::splat(0.0); 6]; 6];
        for (place, value) in tile.as_flattened_mut().iter_mut().enumerate() {
            // SAFETY: four tiles from here are inside `sums` at each place.
            *value = unsafe {
                let at = lines.start + row * lines.columns + column + place * lines.place;
                F32x4::load(sums.as_ptr().add(at))
            };
        }
        let half = turn(tile.map(transform_line_back));
        let pixels = turn(half.map(transform_line_back));
        for (line, [a, b, c, d]) in pixels.into_iter().enumerate() {
            let start = (row * SIDE + line) * last.columns + column * SIDE;
            let count = (LANES * SIDE).min(last.columns - column * SIDE);
            let Some(to) = result.get_mut(start..start + count) else { break };
            // Four pixels of each of four tiles.
            let ((first, second), (third, fourth)) = (a.zip(c), b.zip(d));
            let ((a, b), (c, d)) = (first.zip(third), second.zip(fourth));
            let mut whole = [[0.0; 4]; 4];
            for (to, value) in whole.iter_mut().zip([a, b, c, d]) {
                *to = value.add(bias).to_array();
            }
            let whole = whole.as_flattened_mut();
            if let Some(residual) = last.residual.and_then(|residual| residual.get(start..start + count)) {
                whole.iter_mut().zip(residual).for_each(|(to, from)| *to += from);
            }
            for four in whole.as_chunks_mut::<4>().0 {
                *four = F32x4::new(*four).max(low).min(high).to_array();
            }
            to.iter_mut().zip(whole).for_each(|(to, from)| *to = *from);
        }
    }
}
