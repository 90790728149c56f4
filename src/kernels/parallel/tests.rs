use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::*;
use crate::error::Error;
use crate::kernels::activation::Activation;
use crate::kernels::conv::{Channels, Geometry, Weights, convolve};
use crate::kernels::gemm::{Finish, Left, Matrix, PackedRight, Right, Shape, multiply};
use crate::kernels::math::tanh_in_place;
use crate::kernels::simd::F32x4;
use crate::kernels::softmax::softmax_axis;

/// Lets two more threads serve: from now on all tests of the process share their work.
pub fn start_servers() {
    static START: Once = Once::new();
    START.call_once(|| {
        for _ in 0..2 {
            std::thread::spawn(|| {
                enlist();
                serve()
            });
        }
        let start = Instant::now();
        while threads() < 3 {
            assert!(start.elapsed() < Duration::from_secs(10), "threads do not start");
            std::thread::yield_now();
        }
    });
}

#[test]
fn every_part_is_done_once() {
    start_servers();
    for round in 0..20_000 {
        let parts = round % 7;
        let done: Vec<AtomicUsize> = (0..parts).map(|_| AtomicUsize::new(0)).collect();
        run(parts, |part| {
            done[part].fetch_add(1, Ordering::Relaxed);
        });
        assert!(done.iter().all(|count| count.load(Ordering::Relaxed) == 1), "{round}: {done:?}");
    }
}

#[test]
fn rows_and_their_columns_stay_together() {
    start_servers();
    for (rows, width) in [(0, 3), (1, 1), (7, 2), (100, 5)] {
        for parts in 1..6 {
            let (mut values, mut columns) = (vec![0; rows * width], [vec![0; rows], vec![0; rows]]);
            let [first, second] = &mut columns;
            run_rows((&mut values, width), [first, second], parts, |start, values, [first, second]| {
                for (index, row) in values.chunks_exact_mut(width).enumerate() {
                    row.fill(start + index);
                    (first[index], second[index]) = (start + index, 2 * (start + index));
                }
            });
            assert!(values.iter().enumerate().all(|(index, row)| *row == index / width));
            assert!((0..rows).all(|row| columns[0][row] == row && columns[1][row] == 2 * row));
        }
    }
}

#[test]
fn what_parts_give_is_in_order() {
    start_servers();
    for parts in 0..9 {
        assert_eq!(
            try_map(parts, |part| Ok(part * part)).unwrap(),
            (0..parts).map(|part| part * part).collect::<Vec<_>>()
        );
    }
    let fail = |part: usize| if part == 3 { Err(Error::execution("three")) } else { Ok(part) };
    assert_eq!(try_map(5, fail).unwrap_err().message, "three");
}

#[test]
fn a_part_may_start_parts() {
    start_servers();
    let sum = AtomicUsize::new(0);
    run(5, |outer| {
        run(4, |inner| {
            sum.fetch_add(outer * 4 + inner, Ordering::Relaxed);
        })
    });
    assert_eq!(sum.into_inner(), 190);
}

#[test]
fn panics_and_errors_of_any_part_arrive() {
    start_servers();
    for bad in 0..6 {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            run(6, |part| {
                std::thread::sleep(Duration::from_micros(200));
                assert!(part != bad, "part {part}");
            });
        }));
        assert!(outcome.is_err(), "{bad}");
        let fail = |part| if part == bad { Err(Error::execution("bad")) } else { Ok(()) };
        assert_eq!(try_run(6, fail).unwrap_err().message, "bad");
    }
    try_run(6, |_| Ok(())).unwrap();
    run(3, |_| {});
}

#[test]
fn parts_cover_everything_once() {
    for (count, unit, parts) in [(0, 1, 1), (1, 8, 3), (10, 4, 2), (100, 8, 7), (17, 1, 17), (64, 64, 2)] {
        let ranges: Vec<_> = (0..parts).map(|part| part_of(count, unit, part, parts)).collect();
        assert_eq!(ranges.iter().map(Range::len).sum::<usize>(), count);
        let cuts = ranges.iter().map(|range| range.end).filter(|end| *end < count);
        assert!(cuts.into_iter().all(|end| end.is_multiple_of(unit)), "{count} {unit} {parts}: {ranges:?}");
    }
    let mut values: Vec<usize> = vec![0; 1000];
    start_servers();
    run_chunks(&mut values, 16, 5, |start, values| (start..).zip(values).for_each(|(index, value)| *value += index));
    assert!(values.into_iter().eq(0..1000));
}

fn numbers(count: usize) -> Vec<f32> {
    let mut state = 1u32;
    let mut next = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// Checks that `work` gives the same bits alone and with others, and that it is cut into parts at all.
fn check_alike(name: &str, work: impl Fn() -> Vec<f32>) {
    start_servers();
    let alone = pool::alone(&work);
    let before = pool::jobs();
    for _ in 0..5 {
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&work()), bits(&alone), "{name}");
    }
    assert!(pool::jobs() > before, "{name} is not cut");
}

#[test]
fn products_are_the_same_bits_on_any_number_of_threads() {
    let activation = Activation::Sigmoid;
    for (m, k, n) in [(67, 131, 203), (8, 400, 700), (300, 64, 40), (1, 900, 1003), (1003, 900, 1), (5, 2000, 277)] {
        let (a, b, bias) = (numbers(m * k), numbers(k * n), numbers(n));
        let finish = Finish { column_bias: Some(&bias), activation, ..Finish::default() };
        let packed = PackedRight::new(k, n, Matrix::rows(&b, n)).unwrap();
        for right in [|b, _| Right::Matrix(b), |_, packed| Right::Packed(packed)] {
            check_alike(&format!("{m} {k} {n}"), || {
                let mut c = vec![0.0; m * n];
                let left = Left::Matrix(Matrix::rows(&a, k));
                let right: fn(_, _) -> _ = right;
                multiply(Shape { m, k, n }, left, right(Matrix::rows(&b, n), &packed), &finish, &mut c, n).unwrap();
                c
            });
        }
    }
}

#[test]
fn convolutions_are_the_same_bits_on_any_number_of_threads() {
    let rows = [
        ("Winograd", [32, 48, 1], [37, 41], 3, 1),
        ("unfolded", [16, 40, 1], [33, 35], 3, 2),
        ("read in place", [3, 24, 1], [64, 61], 3, 1),
        ("one row", [8, 16, 1], [1, 3003], 3, 1),
        ("pointwise", [64, 48, 1], [20, 21], 1, 1),
        ("groups", [48, 48, 6], [30, 31], 3, 1),
        ("depthwise", [24, 24, 24], [61, 33], 5, 2),
    ];
    for (name, [input, output, groups], [height, width], kernel, stride) in rows {
        let channels = Channels { input, output, groups };
        let (tall, pad) = (if height == 1 { 1 } else { kernel }, kernel / 2);
        let size = |size: usize| (size - 1) / stride + 1;
        let geometry = Geometry {
            input: [1, height, width],
            output: [1, size(height), size(width)],
            kernel: [1, tall, kernel],
            stride: [1, stride, stride],
            dilation: [1; 3],
            before: [0, tall / 2, pad],
        };
        let weights = numbers(input / groups * output * tall * kernel);
        let weights = match name {
            "Winograd" => Weights::transform(channels, &weights),
            _ => Weights::new(channels, tall * kernel, &weights),
        };
        let (weights, image, bias) = (weights.unwrap(), numbers(input * height * width), numbers(output));
        let finish = Finish { row_bias: Some(&bias), activation: Activation::HardSwish, ..Finish::default() };
        check_alike(name, || {
            let mut result = vec![0.0; output * geometry.output_pixels()];
            convolve(&geometry, &weights, &image, &finish, &mut result).unwrap();
            result
        });
    }
}

#[test]
fn what_goes_by_rows_is_the_same_bits_on_any_number_of_threads() {
    let x = numbers(300_001);
    check_alike("tanh", || {
        let mut values = x.clone();
        tanh_in_place(&mut values);
        values
    });
    for inner in [1, 70] {
        check_alike("softmax", || {
            let mut values = x[..210_000].to_vec();
            softmax_axis::<F32x4>(&mut values, 100, inner, false);
            values
        });
    }
}
