use super::super::activation::Activation;
use super::*;

fn numbers(count: usize, seed: usize) -> Vec<f32> {
    let mut state = (seed as u32).wrapping_mul(2_654_435_761).wrapping_add(12345);
    let mut next = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

fn reference(geometry: &Geometry, channels: Channels, weights: &[f32], image: &[f32]) -> Vec<f32> {
    let Geometry { input, output, kernel, stride, dilation, before } = *geometry;
    let (each, made) = (channels.input / channels.groups, channels.output / channels.groups);
    let mut result = vec![];
    for channel in 0..channels.output {
        for pixel in 0..geometry.output_pixels() {
            let place = [pixel / output[2] / output[1], pixel / output[2] % output[1], pixel % output[2]];
            let mut sum = 0.0f64;
            for source in 0..each {
                for tap in 0..geometry.taps() {
                    let step = [tap / kernel[2] / kernel[1], tap / kernel[2] % kernel[1], tap % kernel[2]];
                    let mut index = channel / made * each + source;
                    let mut inside = true;
                    for axis in 0..3 {
                        let at = place[axis] * stride[axis] + step[axis] * dilation[axis];
                        inside &= at >= before[axis] && at - before[axis] < input[axis];
                        index = index * input[axis] + at.wrapping_sub(before[axis]).min(input[axis] - 1);
                    }
                    let weight = weights[(channel * each + source) * geometry.taps() + tap];
                    sum += if inside { f64::from(weight) * f64::from(image[index]) } else { 0.0 };
                }
            }
            result.push(sum as f32);
        }
    }
    result
}

fn check(geometry: Geometry, channels: Channels, seed: usize) {
    let each = channels.input / channels.groups;
    let values = numbers(channels.output * each * geometry.taps(), seed);
    let image = numbers(channels.input * geometry.input_pixels(), seed + 1);
    let (bias, size) = (numbers(channels.output, seed + 2), channels.output * geometry.output_pixels());
    let residual = numbers(size, seed + 3);
    let finish = Finish {
        row_bias: (seed & 1 == 0).then_some(&bias),
        residual: (seed & 2 == 0).then_some(&residual),
        activation: [Activation::Identity, Activation::Relu, Activation::LeakyRelu(0.1)][seed % 3],
        ..Finish::default()
    };
    let mut expected = reference(&geometry, channels, &values, &image);
    for (index, value) in expected.iter_mut().enumerate() {
        *value += finish.row_bias.map_or(0.0, |bias| bias[index / geometry.output_pixels()]);
        *value += finish.residual.map_or(0.0, |residual| residual[index]);
    }
    finish.activation.apply(&mut expected);
    let mut actual = vec![f32::NAN; size];
    let transforms = geometry.kernel == [1, 3, 3];
    allow_transforms();
    let weights = if transforms {
        Weights::transform(channels, &values)
    } else {
        Weights::new(channels, geometry.taps(), &values)
    };
    convolve(&geometry, &weights.unwrap(), &image, &finish, &mut actual).unwrap();
    let limit = 2e-6 * (each * geometry.taps() + 4) as f32;
    for (index, (actual, expected)) in actual.iter().zip(&expected).enumerate() {
        let close = (actual - expected).abs() <= limit;
        assert!(close, "{geometry:?} {channels:?} {finish:?} at {index}: {actual}, not {expected}");
    }
}

#[test]
fn transforms_of_a_model_have_bounds() {
    let channels = Channels { input: 128, output: 128, groups: 1 };
    let weights = vec![0.0; 128 * 128 * 9];
    let transforms = || Weights::transform(channels, &weights).unwrap().transformed.is_some();
    assert_eq!((0..30).filter(|_| transforms()).count(), 17);
    allow_transforms();
    assert!(transforms());
}

#[test]
fn convolutions_are_right_for_all_geometries() {
    let mut state = 7usize;
    let mut pick = |choices: &[usize]| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        choices[(state >> 33) % choices.len()]
    };
    let mut checked = 0;
    for seed in 0..1500 {
        let rank = pick(&[1, 2, 2, 2, 3]);
        let mut geometry = Geometry {
            input: [1; 3],
            output: [1; 3],
            kernel: [1; 3],
            stride: [1; 3],
            dilation: [1; 3],
            before: [0; 3],
        };
        let mut fits = true;
        for axis in 3 - rank..3 {
            let size = if rank == 3 { pick(&[1, 3, 5, 6]) } else { pick(&[1, 2, 3, 7, 8, 14, 17, 30, 41]) };
            let kernel = pick(&[1, 1, 2, 3, 3, 5]);
            let (stride, dilation) = (pick(&[1, 1, 1, 2, 2, 3]), pick(&[1, 1, 1, 2, 3]));
            let (before, behind) = (pick(&[0, 0, 1, 2, 4]), pick(&[0, 0, 1, 3]));
            let room = size + before + behind;
            let extent = (kernel - 1) * dilation + 1;
            fits &= room >= extent;
            geometry.input[axis] = size;
            geometry.kernel[axis] = kernel;
            geometry.stride[axis] = stride;
            geometry.dilation[axis] = dilation;
            geometry.before[axis] = before;
            geometry.output[axis] = room.saturating_sub(extent) / stride + 1;
        }
        if !fits {
            continue;
        }
        let groups = pick(&[1, 1, 1, 2, 3, 4]);
        let channels = if pick(&[0, 0, 1]) == 1 {
            let groups = pick(&[2, 3, 5]);
            Channels { input: groups, output: groups * pick(&[1, 1, 2, 3]), groups }
        } else {
            Channels { input: groups * pick(&[1, 2, 3, 5]), output: groups * pick(&[1, 2, 4, 5, 9]), groups }
        };
        check(geometry, channels, seed);
        checked += 1;
    }
    assert!(checked > 1000, "{checked}");
}

#[test]
fn convolutions_are_right_across_blocks() {
    let plane = |input: usize, output: usize, kernel: usize, stride: usize, before: usize| Geometry {
        input: [1, input, input],
        output: [1, output, output],
        kernel: [1, kernel, kernel],
        stride: [1, stride, stride],
        dilation: [1; 3],
        before: [0, before, before],
    };
    let channels = |input, output, groups| Channels { input, output, groups };
    check(plane(40, 40, 3, 1, 1), channels(40, 6, 1), 2);
    check(plane(97, 49, 3, 2, 1), channels(3, 5, 1), 3);
    check(plane(130, 128, 3, 1, 0), channels(2, 2, 2), 4);
    check(plane(9, 9, 3, 1, 1), channels(80, 3, 1), 5);
    let line = Geometry { input: [1, 1, 3000], output: [1, 1, 1001], ..plane(1, 1, 1, 1, 0) };
    let line = Geometry { kernel: [1, 1, 9], stride: [1, 1, 3], before: [0, 0, 4], ..line };
    check(line, channels(2, 3, 1), 6);
    check(line, channels(2, 2, 2), 7);
    // A window reads much more than a block of pixels is, and serves several blocks.
    let tall = Geometry { input: [1, 132, 16], output: [1, 132, 16], ..plane(1, 1, 1, 1, 0) };
    for (kernel, step) in [(7, 17), (3, 48), (5, 2)] {
        let before = [0, (kernel - 1) * step / 2, 0];
        let tall = Geometry { kernel: [1, kernel, 1], dilation: [1, step, 1], before, ..tall };
        check(tall, channels(3, 5, 1), kernel);
        check(tall, channels(2, 36, 1), kernel);
    }
}

#[test]
fn transformed_convolutions_are_right() {
    for (seed, (rows, columns, before)) in
        [(8, 13, 1), (9, 14, 1), (10, 15, 0), (16, 16, 2), (23, 30, 1), (56, 17, 1), (11, 40, 0)]
            .into_iter()
            .enumerate()
    {
        let geometry = Geometry {
            input: [1, rows + 2 - 2 * before, columns + 2 - 2 * before],
            output: [1, rows, columns],
            kernel: [1, 3, 3],
            stride: [1; 3],
            dilation: [1; 3],
            before: [0, before, before],
        };
        assert!(is_suited(&geometry));
        let channels = Channels { input: 24 + seed, output: 31 - seed, groups: 1 };
        assert!(is_worthwhile(&channels));
        check(geometry, channels, seed);
    }
}
