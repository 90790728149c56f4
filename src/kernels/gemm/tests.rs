use super::blocks::{DEPTH, HEIGHT, WIDTH};
use super::pack::pack_right;
use super::*;

/// Numbers from -1 to 1, the same for the same seed.
fn numbers(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12345);
    let mut next = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

struct Columns<'a>(Matrix<'a>);

impl Source for Columns<'_> {
    fn pack(&self, _: &mut Held, rows: Range<usize>, columns: Range<usize>, panels: &mut [f32]) -> Result<()> {
        pack_right(self.0, rows, columns, panels);
        Ok(())
    }
}

/// A matrix with the layout numbered `layout`: rows or columns contiguous, with and without gaps, or neither.
fn lay_out(data: &[f32], rows: usize, columns: usize, layout: usize) -> Matrix<'_> {
    match layout {
        0 => Matrix { data, row_stride: columns, column_stride: 1 },
        1 => Matrix { data, row_stride: 1, column_stride: rows },
        2 => Matrix { data, row_stride: columns + 3, column_stride: 1 },
        3 => Matrix { data, row_stride: 2, column_stride: 2 * rows + 1 },
        _ => Matrix { data, row_stride: 0, column_stride: 1 },
    }
}

fn check_product(shape: Shape, layouts: (usize, usize), forms: (usize, usize), finish: usize, seed: u32) {
    let Shape { m, k, n } = shape;
    let (a, b) = (numbers(4 * (m + 3) * (k + 3), seed), numbers(4 * (n + 3) * (k + 3), seed + 1));
    let (left, right) = (lay_out(&a, m, k, layouts.0), lay_out(&b, k, n, layouts.1));
    let stride = n + finish % 3;
    let (row_bias, column_bias) = (numbers(m, seed + 2), numbers(n, seed + 3));
    let residual = numbers(m * stride, seed + 4);
    let finish = Finish {
        row_bias: (finish & 1 != 0).then_some(&row_bias),
        column_bias: (finish & 2 != 0).then_some(&column_bias),
        residual: (finish & 4 != 0).then_some(&residual),
        accumulates: finish & 8 != 0,
        activation: [Activation::Identity, Activation::Clip(-0.5, 0.75), Activation::LeakyRelu(0.5)][finish / 16 % 3],
    };
    let before = numbers(m * stride, seed + 5);
    let mut expected = before.clone();
    for i in 0..m {
        for j in 0..n {
            let mut sum = 0.0f64;
            for p in 0..k {
                let a = left.data[i * left.row_stride + p * left.column_stride];
                let b = right.data[p * right.row_stride + j * right.column_stride];
                sum += f64::from(a) * f64::from(b);
            }
            let at = i * stride + j;
            sum += finish.row_bias.map_or(0.0, |bias| f64::from(bias[i]));
            sum += finish.column_bias.map_or(0.0, |bias| f64::from(bias[j]));
            sum += finish.residual.map_or(0.0, |residual| f64::from(residual[at]));
            sum += if finish.accumulates { f64::from(before[at]) } else { 0.0 };
            let mut value = [sum as f32];
            finish.activation.apply(&mut value);
            expected[at] = value[0];
        }
    }
    let mut actual = before.clone();
    let packed_left = PackedLeft::new(m, k, left).unwrap();
    let packed_right = PackedRight::new(k, n, right).unwrap();
    let source = Columns(right);
    let left = if forms.0 == 0 { Left::Matrix(left) } else { Left::Packed(&packed_left) };
    let right = match forms.1 {
        0 => Right::Matrix(right),
        1 => Right::Packed(&packed_right),
        _ => Right::Source(&source),
    };
    multiply(shape, left, right, &finish, &mut actual, stride).unwrap();
    let limit = 1e-6 * (k as f32 + 4.0);
    for (index, (actual, expected)) in actual.iter().zip(&expected).enumerate() {
        let close = (actual - expected).abs() <= limit;
        assert!(close, "{shape:?} {layouts:?} {forms:?} {finish:?} at {index}: {actual}, not {expected}");
    }
}

#[test]
fn products_are_right_for_all_sizes_layouts_and_finishes() {
    let mut seed = 1;
    for m in [0, 1, 2, 3, 4, 5, 9, 13] {
        for n in [0, 1, 3, 7, 8, 9, 17, 33] {
            for k in [0, 1, 2, 5, 8, 31, 70] {
                for form in 0..6 {
                    seed += 1;
                    let mixed = u32::wrapping_mul(seed, 2_654_435_761) >> 8;
                    let layouts = (mixed as usize % 5, mixed as usize / 5 % 5);
                    check_product(Shape { m, k, n }, layouts, (form % 2, form / 2), mixed as usize / 25 % 48, seed);
                }
            }
        }
    }
}

#[test]
fn products_are_right_across_blocks() {
    for (m, k, n) in [(HEIGHT + 5, 9, 11), (6, DEPTH * 2 + 3, 19), (11, DEPTH + 1, WIDTH * 2 + 9), (1, 700, 2100)] {
        for form in 0..6 {
            for layout in 0..3 {
                check_product(Shape { m, k, n }, (layout, (layout + 1) % 3), (form % 2, form / 2), form * 8 + 5, 9);
            }
        }
    }
}

#[test]
fn products_are_right_in_tall_tiles() {
    tile::tests::HAS_MANY_REGISTERS.set(true);
    for (m, k, n) in [(8, 5, 8), (9, 31, 17), (13, 70, 33), (16, 3, 7), (21, 9, 40), (HEIGHT + 13, DEPTH + 2, 19)] {
        for form in 0..6 {
            for finish in [0, 1, 2, 4, 8, 5, 21] {
                check_product(Shape { m, k, n }, (form % 3, 0), (form % 2, form / 2), finish, 3);
            }
        }
    }
    tile::tests::HAS_MANY_REGISTERS.set(false);
}

#[test]
fn what_is_not_a_number_stays_so() {
    let a = [1.0, f32::NAN, 0.0, f32::INFINITY];
    let mut c = [0.0; 4];
    let finish = Finish { activation: Activation::Relu, ..Finish::default() };
    let shape = Shape { m: 2, k: 2, n: 2 };
    let b = Matrix::rows(&[1.0, 0.0, 0.0, 1.0], 2);
    multiply(shape, Left::Matrix(Matrix::rows(&a, 2)), Right::Matrix(b), &finish, &mut c, 2).unwrap();
    assert!(c[0].is_nan() && c[1].is_nan() && c[2].is_nan() && c[3] == f32::INFINITY, "{c:?}");
}

#[test]
fn slices_that_are_too_short_are_refused() {
    let (long, short) = ([0.0; 6], [0.0; 5]);
    let shape = Shape { m: 2, k: 3, n: 2 };
    let run = |a, b, c: usize, finish: &Finish| {
        let mut room = vec![0.0; c];
        multiply(shape, Left::Matrix(Matrix::rows(a, 3)), Right::Matrix(Matrix::rows(b, 2)), finish, &mut room, 2)
    };
    let plain = Finish::default();
    assert!(run(&long, &long, 4, &plain).is_ok());
    assert!(run(&short, &long, 4, &plain).is_err());
    assert!(run(&long, &short, 4, &plain).is_err());
    assert!(run(&long, &long, 3, &plain).is_err());
    assert!(run(&long, &long, 4, &Finish { row_bias: Some(&[0.0]), ..plain }).is_err());
    assert!(run(&long, &long, 4, &Finish { residual: Some(&short[..3]), ..plain }).is_err());
    let packed = PackedLeft::new(2, 2, Matrix::rows(&long, 2)).unwrap();
    let left = Left::Packed(&packed);
    assert!(multiply(shape, left, Right::Matrix(Matrix::rows(&long, 2)), &plain, &mut [0.0; 4], 2).is_err());
}
