//! What becomes of an element that is written to.

use crate::error::{Error, Result};
use crate::kernels::runs;
use crate::ops::Spec;
use crate::ops::integer::narrow;
use crate::tensor::{Element, ElementType, Tensor};
use crate::with_bits;

/// How the element that is there and the one that comes make one.
#[derive(Clone, Copy)]
pub enum Reduction {
    None,
    Add,
    Mul,
    Max,
    Min,
}

/// The functions of a [`Reduction`] for a type.
macro_rules! functions {
    ($reduction:expr, $add:expr, $mul:expr) => {
        match $reduction {
            Reduction::Add => $add,
            Reduction::Mul => $mul,
            // The new one where either is NaN, as in onnxruntime.
            Reduction::Max => |old, new| if old > new { old } else { new },
            Reduction::Min => |old, new| if old < new { old } else { new },
            Reduction::None => |_, new| new,
        }
    };
}

impl Reduction {
    /// The attribute of a node.
    pub fn read(spec: &Spec) -> Result<Reduction> {
        match spec.text_or("reduction", "none") {
            "none" => Ok(Reduction::None),
            "add" => Ok(Reduction::Add),
            "mul" => Ok(Reduction::Mul),
            "max" => Ok(Reduction::Max),
            "min" => Ok(Reduction::Min),
            other => Err(spec.invalid(&format!("reduction={other}"))),
        }
    }

    /// Writes runs of updates at the places, in their order.
    pub fn apply(self, tensor: Tensor, places: &[usize], run: usize, updates: &Tensor) -> Result<Tensor> {
        if tensor.element_type() != updates.element_type() {
            return Err(Error::execution(format!("expected updates of the type of {tensor}, got {updates}")));
        }
        match (self, tensor.element_type()) {
            (Reduction::None, _) => with_bits!(updates, T => {
                let (element_type, dims) = (tensor.element_type(), tensor.dims().to_vec());
                let mut values = tensor.into_bits::<T>()?;
                runs::scatter(&mut values, places, run, updates.bits::<T>()?)?;
                Tensor::from_bits(element_type, &dims, values)
            }),
            (_, ElementType::Float32) => combine::<f32>(
                tensor,
                places,
                run,
                updates,
                functions!(self, |old, new| old + new, |old, new| old * new),
            ),
            (_, ElementType::Float64) => combine::<f64>(
                tensor,
                places,
                run,
                updates,
                functions!(self, |old, new| old + new, |old, new| old * new),
            ),
            (_, ElementType::Int64) => combine(tensor, places, run, updates, self.for_integers()),
            (_, element_type) => {
                let mut values = tensor.to_i64s()?.into_owned();
                let function = match (self, element_type) {
                    (Reduction::Max, ElementType::Uint64) => |old, new| (old as u64).max(new as u64) as i64,
                    (Reduction::Min, ElementType::Uint64) => |old, new| (old as u64).min(new as u64) as i64,
                    _ => self.for_integers(),
                };
                runs::scatter_with(&mut values, places, run, &updates.to_i64s()?, function)?;
                narrow(element_type, tensor.dims(), values)
            }
        }
    }

    fn for_integers(self) -> fn(i64, i64) -> i64 {
        functions!(self, i64::wrapping_add, i64::wrapping_mul)
    }
}

fn combine<T: Element + Copy>(
    tensor: Tensor,
    places: &[usize],
    run: usize,
    updates: &Tensor,
    function: fn(T, T) -> T,
) -> Result<Tensor> {
    let dims = tensor.dims().to_vec();
    let mut values = tensor.into_vec::<T>()?;
    runs::scatter_with(&mut values, places, run, updates.slice::<T>()?, function)?;
    Tensor::new(&dims, values)
}
