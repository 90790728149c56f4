//! Weights of four bits that name an entry of a table, as bitsandbytes makes them.

use super::nbits::read_bits;
use crate::error::{Error, Result};
use crate::kernels::gemm::{Finish, Left, Matrix, Right, Shape, multiply};
use crate::ops::{Operator, Spec, single};
use crate::tensor::{Dims, Tensor, fill};

const FP4: [f32; 16] = [
    0.0,
    0.005_208_333_5,
    0.666_666_7,
    1.0,
    0.333_333_34,
    0.5,
    0.166_666_67,
    0.25,
    -0.0,
    -0.005_208_333_5,
    -0.666_666_7,
    -1.0,
    -0.333_333_34,
    -0.5,
    -0.166_666_67,
    -0.25,
];

/// Quantiles of the normal distribution.
const NF4: [f32; 16] = [
    -1.0,
    -0.696_192_8,
    -0.525_073_05,
    -0.394_917_5,
    -0.284_441_38,
    -0.184_773_43,
    -0.091_050_036,
    0.0,
    0.079_580_3,
    0.160_930_2,
    0.246_112_3,
    0.337_915_24,
    0.440_709_83,
    0.562_617,
    0.722_956_84,
    1.0,
];

/// Rows of weights that are made float32 at once.
const ROWS: usize = 64;

/// <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.MatMulBnb4>
pub fn matmul_bnb4(spec: &mut Spec) -> Result<Operator> {
    let read = |name: &str| {
        let value = usize::try_from(spec.int_or(name, 0)).ok().filter(|&value| value > 0);
        value.ok_or_else(|| spec.invalid(&format!("no {name}")))
    };
    let (depth, count, block) = (read("K")?, read("N")?, read("block_size")?);
    let table = match spec.int_or("quant_type", 1) {
        0 => FP4,
        1 => NF4,
        other => return Err(spec.unsupported(format!("quant_type={other}"))),
    };
    if !spec.flag("transB", true) {
        return Err(spec.unsupported("transB=0"));
    }
    single(move |call| {
        let (a, packed, scales) = (call.tensor(0)?, call.tensor(1)?, call.tensor(2)?.to_f32s()?);
        let mut dims = Dims::from_slice(a.dims());
        let size = count.checked_mul(depth);
        let fits = size.is_some_and(|size| packed.len() == size.div_ceil(2) && scales.len() == size.div_ceil(block));
        match dims.last_mut() {
            Some(last) if *last == depth && fits => *last = count,
            _ => {
                return Err(Error::execution(format!("rows {a} and weights {packed} are not of K={depth}, N={count}")));
            }
        }
        let mut out = fill(&dims, 0f32)?;
        let rows = a.slice::<f32>()?;
        let mut weights = fill(&[ROWS.min(count), depth], 0f32)?;
        for first in (0..count).step_by(ROWS) {
            let width = ROWS.min(count - first);
            for (index, weight) in (first * depth..).zip(weights.iter_mut().take(width * depth)) {
                // The first of two has the higher bits.
                let level = read_bits(packed.as_bytes(), 4, index ^ 1);
                let scale = scales.get(index / block).copied().unwrap_or_default();
                *weight = table.get(usize::from(level)).copied().unwrap_or_default() * scale;
            }
            let right = Matrix { data: &weights, row_stride: 1, column_stride: depth };
            let shape = Shape { m: rows.len() / depth, k: depth, n: width };
            let out = out.get_mut(first..).unwrap_or_default();
            multiply(
                shape,
                Left::Matrix(Matrix::rows(rows, depth)),
                Right::Matrix(right),
                &Finish::default(),
                out,
                count,
            )?;
        }
        Tensor::new(&dims, out)
    })
}
