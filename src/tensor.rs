//! Tensors: dims, an element type and elements that are shared until they are written to.

mod data;
mod element;
mod info;

pub use data::{Bits, Data, Element};
pub use element::{ElementType, onnx_type_name};
pub use info::{Dim, Kind, TensorInfo, describe};

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use half::{bf16, f16};
use smallvec::SmallVec;

use crate::error::{Error, Result};

/// The sizes of a tensor's axes, outermost first.
pub type Dims = SmallVec<[usize; 4]>;

thread_local! {
    /// The most bytes that one tensor may take in the run that is going on.
    static LIMIT: Cell<usize> = const { Cell::new(1 << 30) };
}

/// Sets the most bytes that one tensor may take from now on in this thread.
pub fn set_limit(bytes: usize) {
    LIMIT.set(bytes);
}

/// The most bytes that one tensor may take in this thread.
pub fn limit() -> usize {
    LIMIT.get()
}

/// The bytes that a tensor of `dims` takes, or an error where that is over `limit` or the address space.
pub fn count_bytes(element_type: ElementType, dims: &[usize], limit: usize) -> Result<usize> {
    let bytes = dims.iter().try_fold(element_type.bytes(), |bytes, &dim| bytes.checked_mul(dim));
    // A dim of 0 behind ones that overflow makes the tensor empty all the same.
    let bytes = if dims.contains(&0) { Some(0) } else { bytes };
    bytes.filter(|&bytes| bytes <= limit).ok_or_else(|| {
        Error::limit(format!(
            "a tensor {} is over the limit of {limit} bytes for one tensor",
            describe(element_type.name(), dims)
        ))
    })
}

/// An error where a tensor of `dims` is over the limit of this run.
pub fn check_bytes(element_type: ElementType, dims: &[usize]) -> Result<()> {
    count_bytes(element_type, dims, LIMIT.get()).map(|_| ())
}

/// The number of elements of a tensor of `dims` and `T`, or an error where that is over the limit of this run. Whoever makes
/// room for elements asks first.
pub fn count_elements<T: Element>(dims: &[usize]) -> Result<usize> {
    count_bytes(T::TYPE, dims, LIMIT.get()).map(|bytes| bytes / T::TYPE.bytes().max(1))
}

/// A vector with room for the elements of a tensor of `dims`.
pub fn reserve<T: Element>(dims: &[usize]) -> Result<Vec<T>> {
    let count = count_elements::<T>(dims)?;
    let mut values = Vec::new();
    values.try_reserve_exact(count).map_err(|_| out_of_memory(T::TYPE, dims))?;
    Ok(values)
}

/// The elements of a tensor of `dims`, all `value`.
pub fn fill<T: Element>(dims: &[usize], value: T) -> Result<Vec<T>> {
    let mut values = reserve(dims)?;
    values.resize(values.capacity().min(count_elements::<T>(dims)?), value);
    Ok(values)
}

/// The elements of a tensor of `dims`, all zero, which costs less than to fill it.
pub fn zeroed<T: Element + bytemuck::Zeroable>(dims: &[usize]) -> Result<Vec<T>> {
    let values = bytemuck::allocation::try_zeroed_slice_box(count_elements::<T>(dims)?);
    values.map(<[T]>::into_vec).map_err(|()| out_of_memory(T::TYPE, dims))
}

fn out_of_memory(element_type: ElementType, dims: &[usize]) -> Error {
    let bytes = dims.iter().fold(element_type.bytes(), |bytes, &dim| bytes.saturating_mul(dim));
    Error::limit(format!("no memory for {bytes} bytes, a tensor of the dims {dims:?}"))
}

/// Elements in the order of their dims, the last axis fastest.
#[derive(Clone)]
pub struct Tensor {
    element_type: ElementType,
    dims: Dims,
    data: Data,
}

impl Tensor {
    /// A tensor of these elements. An error where the dims ask for another number of them.
    pub fn new<T: Element>(dims: &[usize], values: Vec<T>) -> Result<Tensor> {
        Tensor::from_data(T::TYPE, dims, T::wrap(values))
    }

    /// A tensor of elements held as they come, of any type of that size.
    pub fn from_data(element_type: ElementType, dims: &[usize], data: Data) -> Result<Tensor> {
        let expected = dims.iter().try_fold(1usize, |count, &dim| count.checked_mul(dim));
        if expected != Some(data.len()) {
            return Err(Error::execution(format!(
                "{} and {} elements do not fit together",
                describe(element_type.name(), dims),
                data.len()
            )));
        }
        Ok(Tensor { element_type, dims: Dims::from_slice(dims), data })
    }

    /// A tensor of the elements of this one, moved: of its element type, and of other dims.
    pub fn from_bits<T: Bits>(element_type: ElementType, dims: &[usize], values: Vec<T>) -> Result<Tensor> {
        Tensor::from_data(element_type, dims, T::wrap(values))
    }

    /// A tensor without axes.
    pub fn scalar<T: Element>(value: T) -> Tensor {
        Tensor { element_type: T::TYPE, dims: Dims::new(), data: T::wrap(vec![value]) }
    }

    /// A tensor of one axis.
    pub fn vector<T: Element>(values: Vec<T>) -> Tensor {
        let dims = Dims::from_slice(&[values.len()]);
        Tensor { element_type: T::TYPE, dims, data: T::wrap(values) }
    }

    /// A tensor whose elements are all zero, false or empty.
    pub fn zeros(element_type: ElementType, dims: &[usize]) -> Result<Tensor> {
        let bytes = count_bytes(element_type, dims, LIMIT.get())?;
        let data = Data::zeros(element_type, bytes / element_type.bytes().max(1));
        let data = data.ok_or_else(|| out_of_memory(element_type, dims))?;
        Tensor::from_data(element_type, dims, data)
    }

    /// The type of the elements.
    pub fn element_type(&self) -> ElementType {
        self.element_type
    }

    /// The sizes of the axes.
    pub fn dims(&self) -> &[usize] {
        &self.dims
    }

    /// The number of axes.
    pub fn rank(&self) -> usize {
        self.dims.len()
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// The bytes of the elements.
    pub fn bytes(&self) -> usize {
        self.len() * self.element_type.bytes()
    }

    /// The elements by their size.
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// The bytes of the elements; none of strings.
    pub fn as_bytes(&self) -> &[u8] {
        self.data.as_bytes()
    }

    /// The bytes of the elements, to be written to; none of strings. Whoever writes a `bool` writes 0 or 1.
    pub fn as_bytes_mut(&mut self) -> &mut [u8] {
        self.data.as_bytes_mut()
    }

    /// The elements, which must be of type `T`.
    pub fn slice<T: Element>(&self) -> Result<&[T]> {
        T::view(&self.data).filter(|_| T::reads(self.element_type)).ok_or_else(|| self.wrong_type(T::TYPE))
    }

    /// The elements by their size, whatever they mean.
    pub fn bits<T: Bits>(&self) -> Result<&[T]> {
        T::view(&self.data).ok_or_else(|| Error::execution(format!("a tensor {self} has elements of another size")))
    }

    /// The elements, which must be of type `T`, copied only where another tensor shares them.
    pub fn into_vec<T: Element>(self) -> Result<Vec<T>> {
        if !T::reads(self.element_type) {
            return Err(self.wrong_type(T::TYPE));
        }
        let (element_type, dims) = (self.element_type, self.dims);
        T::take(self.data).ok_or_else(|| wrong_type(T::TYPE, element_type, &dims))
    }

    /// The elements by their size, whatever they mean, copied only where another tensor shares them.
    pub fn into_bits<T: Bits>(self) -> Result<Vec<T>> {
        let (element_type, dims) = (self.element_type, self.dims);
        T::take(self.data).ok_or_else(|| {
            let text = describe(element_type.name(), &dims);
            Error::execution(format!("a tensor {text} has elements of another size"))
        })
    }

    fn wrong_type(&self, expected: ElementType) -> Error {
        wrong_type(expected, self.element_type, &self.dims)
    }

    /// The one element of a tensor of one.
    pub fn only<T: Element>(&self) -> Result<T> {
        match self.slice::<T>()? {
            [value] => Ok(value.clone()),
            _ => Err(Error::execution(format!("expected one element, got {self}"))),
        }
    }

    /// The elements of any integer type, or of bool.
    pub fn to_i64s(&self) -> Result<Cow<'_, [i64]>> {
        fn widen<T: Element + Copy + Into<i64>>(tensor: &Tensor) -> Result<Cow<'_, [i64]>> {
            Ok(tensor.slice::<T>()?.iter().map(|&value| value.into()).collect::<Vec<i64>>().into())
        }
        match self.element_type {
            ElementType::Int64 => Ok(Cow::Borrowed(self.slice::<i64>()?)),
            ElementType::Int32 => widen::<i32>(self),
            ElementType::Int16 => widen::<i16>(self),
            ElementType::Int8 | ElementType::Int4 | ElementType::Int2 => widen::<i8>(self),
            ElementType::Uint8 | ElementType::Uint4 | ElementType::Uint2 => widen::<u8>(self),
            ElementType::Uint16 => widen::<u16>(self),
            ElementType::Uint32 => widen::<u32>(self),
            ElementType::Bool => widen::<bool>(self),
            ElementType::Uint64 => {
                Ok(self.slice::<u64>()?.iter().map(|&value| value as i64).collect::<Vec<_>>().into())
            }
            _ => Err(Error::execution(format!("expected integers, got {self}"))),
        }
    }

    /// The elements of any numeric type as `float32`.
    pub fn to_f32s(&self) -> Result<Cow<'_, [f32]>> {
        match self.element_type {
            ElementType::Float32 => Ok(Cow::Borrowed(self.slice::<f32>()?)),
            ElementType::Float64 => {
                Ok(self.slice::<f64>()?.iter().map(|&value| value as f32).collect::<Vec<_>>().into())
            }
            ElementType::Float16 => {
                Ok(self.slice::<f16>()?.iter().map(|value| value.to_f32()).collect::<Vec<_>>().into())
            }
            ElementType::Bfloat16 => {
                Ok(self.slice::<bf16>()?.iter().map(|value| value.to_f32()).collect::<Vec<_>>().into())
            }
            ElementType::Uint64 => {
                Ok(self.slice::<u64>()?.iter().map(|&value| value as f32).collect::<Vec<_>>().into())
            }
            _ => Ok(self.to_i64s()?.iter().map(|&value| value as f32).collect::<Vec<_>>().into()),
        }
    }

    /// The elements of any numeric type as `float64`.
    pub fn to_f64s(&self) -> Result<Cow<'_, [f64]>> {
        match self.element_type {
            ElementType::Float64 => Ok(Cow::Borrowed(self.slice::<f64>()?)),
            ElementType::Uint64 => {
                Ok(self.slice::<u64>()?.iter().map(|&value| value as f64).collect::<Vec<_>>().into())
            }
            element_type if element_type.is_float() => {
                Ok(self.to_f32s()?.iter().map(|&value| f64::from(value)).collect::<Vec<_>>().into())
            }
            _ => Ok(self.to_i64s()?.iter().map(|&value| value as f64).collect::<Vec<_>>().into()),
        }
    }

    /// The same elements with other dims.
    pub fn reshape(self, dims: &[usize]) -> Result<Tensor> {
        let Tensor { element_type, dims: from, data } = self;
        Tensor::from_data(element_type, dims, data).map_err(|_| {
            let from = describe(element_type.name(), &from);
            Error::execution(format!("{from} cannot take the dims {dims:?}"))
        })
    }

    /// The same bits as elements of another type of the same size.
    pub fn retype(self, element_type: ElementType) -> Tensor {
        Tensor { element_type, ..self }
    }
}

fn wrong_type(expected: ElementType, actual: ElementType, dims: &[usize]) -> Error {
    let actual = describe(actual.name(), dims);
    Error::execution(format!("expected elements of type {}, got {actual}", expected.name()))
}

impl fmt::Display for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&describe(self.element_type.name(), &self.dims))
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialEq for Tensor {
    fn eq(&self, other: &Tensor) -> bool {
        let same_strings = match (&self.data, &other.data) {
            (Data::Strings(own), Data::Strings(others)) => own == others,
            _ => true,
        };
        self.element_type == other.element_type
            && self.dims == other.dims
            && same_strings
            && self.as_bytes() == other.as_bytes()
    }
}

/// Runs `$body` with `$T` standing for the storage of `$tensor`'s elements: `u8`, `u16`, `u32`, `u64` or `String`, of which
/// only the last has to be cloned.
#[macro_export]
macro_rules! with_bits {
    ($tensor:expr, $T:ident => $body:expr) => {
        match $tensor.data() {
            #[allow(clippy::clone_on_copy)]
            $crate::tensor::Data::Bits8(_) => {
                type $T = u8;
                $body
            }
            #[allow(clippy::clone_on_copy)]
            $crate::tensor::Data::Bits16(_) => {
                type $T = u16;
                $body
            }
            #[allow(clippy::clone_on_copy)]
            $crate::tensor::Data::Bits32(_) => {
                type $T = u32;
                $body
            }
            #[allow(clippy::clone_on_copy)]
            $crate::tensor::Data::Bits64(_) => {
                type $T = u64;
                $body
            }
            #[allow(clippy::clone_on_copy)]
            $crate::tensor::Data::Strings(_) => {
                type $T = String;
                $body
            }
        }
    };
}
