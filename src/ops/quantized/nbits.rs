//! Weights of a few bits that stay packed in memory.

use crate::error::{Error, Result};
use crate::kernels::int8::{Coarse, Packed, UNIT, multiply_packed};
use crate::ops::{Operator, Spec, single};
use crate::tensor::{Dims, ElementType, Tensor, fill};

/// Rows of the left side that are multiplied with all weights before the next ones are.
const ROWS: usize = 64;

/// Numbers of `bits` bits each, the lowest first.
pub fn unpack(packed: &[u8], bits: usize, out: &mut [u8]) {
    let per_byte = 8 / bits;
    let mask = (0xff >> (8 - bits)) as u8;
    for (&byte, out) in packed.iter().zip(out.chunks_mut(per_byte)) {
        out.iter_mut().enumerate().for_each(|(index, out)| *out = byte >> (index * bits) & mask);
    }
}

/// The number at `index` of numbers of `bits` bits each, the lowest first.
pub fn read_bits(packed: &[u8], bits: usize, index: usize) -> u8 {
    let per_byte = 8 / bits;
    packed.get(index / per_byte).map_or(0, |byte| byte >> (index % per_byte * bits) & (0xff >> (8 - bits)) as u8)
}

/// The zero points of all blocks, packed like the weights or numbers, or one for all, half of the range.
fn read_zeros(zeros: Option<&Tensor>, bits: usize, count: usize, blocks: usize) -> Result<Vec<f32>> {
    let Some(zeros) = zeros else { return Ok(vec![(1u32 << (bits - 1)) as f32]) };
    let mut out = fill(&[count, blocks], 0f32)?;
    let misfit = || Error::execution(format!("zero points {zeros} do not fit {count} rows of {blocks} blocks"));
    if zeros.element_type() != ElementType::Uint8 {
        let values = zeros.to_f32s()?;
        return if values.len() == out.len() { Ok(values.into_owned()) } else { Err(misfit()) };
    }
    let bytes = (blocks * bits).div_ceil(8);
    if zeros.len() != count * bytes {
        return Err(misfit());
    }
    let mut levels = vec![0; bytes * 8 / bits];
    for (out, packed) in out.chunks_mut(blocks.max(1)).zip(zeros.as_bytes().chunks(bytes.max(1))) {
        unpack(packed, bits, &mut levels);
        out.iter_mut().zip(&levels).for_each(|(out, &level)| *out = f32::from(level));
    }
    Ok(out)
}

/// The attributes of a node.
struct Form {
    depth: usize,
    count: usize,
    bits: usize,
    block: usize,
}

/// <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.MatMulNBits>
pub fn matmul_nbits(spec: &mut Spec) -> Result<Operator> {
    let read = |name: &str, default: i64| {
        let value = usize::try_from(spec.int_or(name, default)).ok().filter(|&value| value > 0);
        value.ok_or_else(|| spec.invalid(&format!("no {name}")))
    };
    let form =
        Form { depth: read("K", 0)?, count: read("N", 0)?, bits: read("bits", 4)?, block: read("block_size", 0)? };
    if !matches!(form.bits, 2 | 4 | 8) {
        return Err(spec.unsupported(format!("bits={}", form.bits)));
    }
    if !form.block.is_multiple_of(UNIT) {
        return Err(spec.invalid(&format!("block_size={}", form.block)));
    }
    if spec.int_or("weight_prepacked", 0) != 0 {
        return Err(spec.unsupported("weight_prepacked"));
    }
    // Where they are known, zero points are read once.
    let blocks = form.depth.div_ceil(form.block);
    let known = spec.consume(3).map(|zeros| read_zeros(Some(&zeros), form.bits, form.count, blocks)).transpose()?;
    single(move |call| {
        let a = call.tensor(0)?;
        let Form { depth, count, bits, block } = form;
        let mut dims = Dims::from_slice(a.dims());
        match dims.last_mut() {
            Some(last) if *last == depth => *last = count,
            _ => return Err(Error::execution(format!("expected rows of {depth} elements, got {a}"))),
        }
        let mut out = fill(&dims, 0f32)?;
        let weights = call.tensor(1)?;
        if !weights.is_empty() {
            let made;
            let zeros = match &known {
                Some(zeros) => zeros,
                None => {
                    made = read_zeros(call.optional(3)?, bits, count, blocks)?;
                    &made
                }
            };
            let scales = call.tensor(2)?.to_f32s()?;
            let bytes = block * bits / 8 * blocks;
            if weights.len() != count * bytes || scales.len() != count * blocks {
                return Err(Error::execution(format!("expected {count} rows of {bytes} bytes and {blocks} scales")));
            }
            let packed =
                Packed { values: weights.as_bytes(), has_nibbles: bits == 4, scales: &scales, zeros, block, blocks };
            let rows = a.to_f32s()?;
            match call.optional(4)? {
                Some(groups) => multiply_grouped(&rows, &packed, &form, &groups.to_i64s()?, &mut out)?,
                None => multiply_rows(&rows, &packed, &form, &mut out),
            }
        }
        if let Some(bias) = call.optional(5)? {
            let bias = bias.to_f32s()?;
            for out in out.chunks_mut(count) {
                out.iter_mut().zip(bias.iter()).for_each(|(out, bias)| *out += bias);
            }
        }
        Tensor::new(&dims, out)
    })
}

fn multiply_rows(rows: &[f32], packed: &Packed, form: &Form, out: &mut [f32]) {
    let (depth, count) = (form.depth, form.count);
    for (rows, out) in rows.chunks(ROWS * depth).zip(out.chunks_mut(ROWS * count)) {
        let rows = Coarse::round(rows, depth, packed.blocks, packed.block, packed);
        if form.bits != 2 {
            multiply_packed(&rows, packed, out, count, 0);
            continue;
        }
        let bytes = packed.blocks * packed.block / 4;
        let mut unpacked = vec![0; bytes * 4];
        for (index, values) in packed.values.chunks(bytes).enumerate() {
            unpack(values, 2, &mut unpacked);
            let of_row = |all| -> &[f32] { <[f32]>::get(all, index * packed.blocks..).unwrap_or_default() };
            let row = Packed {
                values: &unpacked,
                scales: of_row(packed.scales),
                zeros: if packed.zeros.len() == 1 { packed.zeros } else { of_row(packed.zeros) },
                ..*packed
            };
            multiply_packed(&rows, &row, out, count, index);
        }
    }
}

/// Weights whose scales and zero points go by a table rather than by blocks: made float32 a row at a time.
fn multiply_grouped(rows: &[f32], packed: &Packed, form: &Form, groups: &[i64], out: &mut [f32]) -> Result<()> {
    let padded = packed.blocks * packed.block;
    let (mut levels, mut weights) = (vec![0; padded], vec![0f32; form.depth]);
    let groups = groups.iter().map(|&group| usize::try_from(group).ok().filter(|&group| group < packed.blocks));
    let groups = groups.collect::<Option<Vec<usize>>>().filter(|groups| groups.len() >= form.depth);
    let groups = groups.ok_or_else(|| Error::execution("g_idx names groups that are not there"))?;
    for (index, values) in packed.values.chunks(padded * form.bits / 8).enumerate() {
        unpack(values, form.bits, &mut levels);
        for ((weight, &level), group) in weights.iter_mut().zip(&levels).zip(&groups) {
            let at = index * packed.blocks + group;
            let zero = packed.zeros.get(at).or(packed.zeros.first()).copied().unwrap_or_default();
            *weight = (f32::from(level) - zero) * packed.scales.get(at).copied().unwrap_or_default();
        }
        for (row, out) in rows.chunks(form.depth).zip(out.chunks_mut(form.count)) {
            let product = row.iter().zip(&weights).map(|(value, weight)| value * weight).sum();
            out.iter_mut().skip(index).take(1).for_each(|out| *out = product);
        }
    }
    Ok(())
}
