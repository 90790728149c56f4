//! Random numbers. A node with a seed draws the same numbers in each session, run after run; one without draws others in each
//! session of a process. Neither draws those of onnxruntime.

mod dropout;

use std::sync::atomic::{AtomicU64, Ordering};

use super::cast::lower;
use super::{Call, Entry, Operator, Spec, onnx, single};
use crate::error::{Error, Result};
use crate::tensor::{ElementType, Tensor, reserve};

pub const ENTRIES: &[Entry] = &[
    random("Bernoulli", bernoulli),
    random("Dropout", dropout::dropout),
    random("Multinomial", multinomial),
    random("RandomNormal", random_normal),
    random("RandomNormalLike", random_normal),
    random("RandomUniform", random_uniform),
    random("RandomUniformLike", random_uniform),
];

const fn random(name: &'static str, make: fn(&mut Spec) -> Result<Operator>) -> Entry {
    Entry { is_random: true, ..onnx(name, make) }
}

/// What a node draws from: the state stays from run to run.
struct Source(AtomicU64);

impl Source {
    /// Starts at the seed of the node. Where it has none there is nothing on wasm32 to be truly random from without asking
    /// JavaScript: a counter of the process and the address of an allocation have to do.
    fn new(spec: &Spec) -> Source {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        // The seed of Dropout is a whole number.
        let seed =
            spec.float("seed").map(|seed| u64::from(seed.to_bits())).or(spec.int("seed").map(|seed| seed as u64));
        let start = seed.unwrap_or_else(|| {
            let address = std::ptr::from_ref(Box::new(0u64).as_ref()) as usize as u64;
            mix(COUNT.fetch_add(1, Ordering::Relaxed)) ^ (address << 32 | 1)
        });
        Source(AtomicU64::new(mix(start)))
    }

    /// Draws with `draw`, and stays where that ends.
    fn draw<R>(&self, draw: impl FnOnce(&mut Stream) -> R) -> R {
        let mut stream = Stream { state: self.0.load(Ordering::Relaxed), spare: None };
        let result = draw(&mut stream);
        self.0.store(stream.state, Ordering::Relaxed);
        result
    }
}

/// The finaliser of SplitMix64.
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
struct Stream {
    state: u64,
    spare: Option<f64>,
}

impl Stream {
    /// From 0 to below 1, in steps that float32 has, so that 1 stays out of what is rounded to it.
    fn uniform(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        (mix(self.state) >> 40) as f64 / (1u64 << 24) as f64
    }

    /// From 0 to below 1, in steps of float64.
    fn fine_uniform(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        (mix(self.state) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Of the standard normal distribution, by Marsaglia's polar method, which makes two numbers at a time.
    fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        loop {
            let (x, y) = (2.0 * self.fine_uniform() - 1.0, 2.0 * self.fine_uniform() - 1.0);
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                let scale = (-2.0 * square.ln() / square).sqrt();
                self.spare = Some(y * scale);
                return x * scale;
            }
        }
    }
}

/// <https://onnx.ai/onnx/operators/onnx__RandomNormal.html>
fn random_normal(spec: &mut Spec) -> Result<Operator> {
    let (mean, scale) = (f64::from(spec.float_or("mean", 0.0)), f64::from(spec.float_or("scale", 1.0)));
    make_random(spec, move |stream, _| mean + scale * stream.normal())
}

/// <https://onnx.ai/onnx/operators/onnx__RandomUniform.html>
fn random_uniform(spec: &mut Spec) -> Result<Operator> {
    let (low, high) = (f64::from(spec.float_or("low", 0.0)), f64::from(spec.float_or("high", 1.0)));
    make_random(spec, move |stream, is_fine| {
        let part = if is_fine { stream.fine_uniform() } else { stream.uniform() };
        low + part * (high - low)
    })
}

/// An operator that draws each element; the dims are an attribute or those of the input. `draw` is told whether to draw for
/// float64.
fn make_random(spec: &mut Spec, draw: impl Fn(&mut Stream, bool) -> f64 + Send + Sync + 'static) -> Result<Operator> {
    let source = Source::new(spec);
    let shape = if spec.has_input(0) { None } else { Some(spec.sizes("shape")?.unwrap_or_default()) };
    let named = spec.element_type("dtype")?;
    single(move |call| {
        let (dims, own) = match &shape {
            Some(dims) => (dims.as_slice(), ElementType::Float32),
            None => (call.tensor(0)?.dims(), call.tensor(0)?.element_type()),
        };
        source.draw(|stream| match named.unwrap_or(own) {
            ElementType::Float32 => {
                let mut values: Vec<f32> = reserve(dims)?;
                values.extend((0..values.capacity().min(dims.iter().product())).map(|_| draw(stream, false) as f32));
                Tensor::new(dims, values)
            }
            ElementType::Float64 => {
                let mut values: Vec<f64> = reserve(dims)?;
                values.extend((0..values.capacity().min(dims.iter().product())).map(|_| draw(stream, true)));
                Tensor::new(dims, values)
            }
            other => Err(Error::execution(format!("no random numbers of type {}", other.name()))),
        })
    })
}

/// <https://onnx.ai/onnx/operators/onnx__Bernoulli.html>
fn bernoulli(spec: &mut Spec) -> Result<Operator> {
    let source = Source::new(spec);
    let named = spec.element_type("dtype")?;
    single(move |call| {
        let tensor = call.tensor(0)?;
        let chances = tensor.to_f64s()?;
        let mut values: Vec<f64> = reserve(tensor.dims())?;
        source.draw(|stream| {
            values.extend(chances.iter().map(|&chance| f64::from(u8::from(stream.fine_uniform() < chance))));
        });
        lower(named.unwrap_or(tensor.element_type()), tensor.dims(), values)
    })
}

/// <https://onnx.ai/onnx/operators/onnx__Multinomial.html>
fn multinomial(spec: &mut Spec) -> Result<Operator> {
    let source = Source::new(spec);
    let named = spec.element_type("dtype")?.unwrap_or(ElementType::Int32);
    let samples = spec.int_or("sample_size", 1);
    let samples = usize::try_from(samples).map_err(|_| spec.invalid(&format!("sample_size={samples}")))?;
    single(move |call| draw_classes(&source, call, samples, named))
}

/// Draws classes for each row of logarithms of their weights.
fn draw_classes(source: &Source, call: &Call, samples: usize, element_type: ElementType) -> Result<Tensor> {
    let tensor = call.tensor(0)?;
    let &[rows, classes] = tensor.dims() else { return Err(Error::execution("expected an input of 2 axes")) };
    if classes == 0 {
        return Err(Error::execution("there are no classes to draw from"));
    }
    let weights = tensor.to_f64s()?;
    let dims = [rows, samples];
    let mut drawn: Vec<f64> = reserve(&dims)?;
    source.draw(|stream| {
        let mut sums = Vec::with_capacity(classes);
        for weights in weights.chunks_exact(classes) {
            // The largest weight becomes 1, so that none overflows; NaN is no weight.
            let largest = weights.iter().copied().filter(|weight| weight.is_finite()).fold(f64::MIN, f64::max);
            sums.clear();
            let mut total = 0.0;
            sums.extend(weights.iter().map(|&weight| {
                total += if weight.is_finite() { (weight - largest).exp() } else { 0.0 };
                total
            }));
            drawn.extend((0..samples).map(|_| {
                let wanted = stream.fine_uniform() * total;
                sums.partition_point(|&sum| sum <= wanted).min(classes - 1) as f64
            }));
        }
    });
    lower(element_type, &dims, drawn)
}
