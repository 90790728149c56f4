//! The memory of a tensor: shared until it is written to, and told apart by the size of its elements only, since what
//! moves elements need not know what they mean.

use std::sync::Arc;

use half::{bf16, f16};

use super::ElementType;

/// Elements by their size.
#[derive(Debug, Clone)]
pub enum Data {
    /// One byte each.
    Bits8(Arc<Vec<u8>>),
    /// Two bytes each.
    Bits16(Arc<Vec<u16>>),
    /// Four bytes each.
    Bits32(Arc<Vec<u32>>),
    /// Eight bytes each.
    Bits64(Arc<Vec<u64>>),
    /// Strings.
    Strings(Arc<Vec<String>>),
}

/// A way to hold elements: four sizes, and strings.
pub trait Bits: Clone + Default + PartialEq + Send + Sync + 'static {
    /// The elements, where `data` holds them so.
    fn view(data: &Data) -> Option<&[Self]>;
    /// The elements, copied only where they are shared.
    fn take(data: Data) -> Option<Vec<Self>>;
    /// Holds elements.
    fn wrap(values: Vec<Self>) -> Data;
}

macro_rules! bits {
    ($($type:ty => $variant:ident),*) => {$(
        impl Bits for $type {
            fn view(data: &Data) -> Option<&[Self]> {
                if let Data::$variant(values) = data { Some(values) } else { None }
            }
            fn take(data: Data) -> Option<Vec<Self>> {
                if let Data::$variant(values) = data { Some(Arc::unwrap_or_clone(values)) } else { None }
            }
            fn wrap(values: Vec<Self>) -> Data {
                Data::$variant(Arc::new(values))
            }
        }
    )*};
}

bits!(u8 => Bits8, u16 => Bits16, u32 => Bits32, u64 => Bits64, String => Strings);

/// A Rust type for the elements of one ONNX type or more.
pub trait Element: Clone + Default + PartialEq + Send + Sync + 'static {
    /// The type of a tensor made from such elements.
    const TYPE: ElementType;
    /// Whether tensors of that type can be read as such elements.
    fn reads(element_type: ElementType) -> bool {
        element_type == Self::TYPE
    }
    /// The elements, where `data` holds them so.
    fn view(data: &Data) -> Option<&[Self]>;
    /// The elements, copied only where they are shared.
    fn take(data: Data) -> Option<Vec<Self>>;
    /// Holds elements.
    fn wrap(values: Vec<Self>) -> Data;
}

macro_rules! plain {
    ($($type:ty, $name:ident, $bits:ty $(, or $($other:ident)|+)?;)*) => {$(
        impl Element for $type {
            const TYPE: ElementType = ElementType::$name;
            $(fn reads(element_type: ElementType) -> bool {
                matches!(element_type, ElementType::$name $(| ElementType::$other)+)
            })?
            fn view(data: &Data) -> Option<&[Self]> {
                <$bits as Bits>::view(data).map(bytemuck::cast_slice)
            }
            fn take(data: Data) -> Option<Vec<Self>> {
                <$bits as Bits>::take(data).map(bytemuck::cast_vec)
            }
            fn wrap(values: Vec<Self>) -> Data {
                <$bits as Bits>::wrap(bytemuck::cast_vec(values))
            }
        }
    )*};
}

plain! {
    f32, Float32, u32;
    f64, Float64, u64;
    f16, Float16, u16;
    bf16, Bfloat16, u16;
    i8, Int8, u8, or Int4 | Int2;
    i16, Int16, u16;
    i32, Int32, u32;
    i64, Int64, u64;
    u8, Uint8, u8,
        or Uint4 | Uint2 | Float8E4M3Fn | Float8E4M3Fnuz | Float8E5M2 | Float8E5M2Fnuz | Float8E8M0 | Float4E2M1;
    u16, Uint16, u16;
    u32, Uint32, u32;
    u64, Uint64, u64;
}

impl Element for bool {
    const TYPE: ElementType = ElementType::Bool;
    fn view(data: &Data) -> Option<&[Self]> {
        <u8 as Bits>::view(data).and_then(|values| bytemuck::checked::try_cast_slice(values).ok())
    }
    fn take(data: Data) -> Option<Vec<Self>> {
        <u8 as Bits>::take(data).map(|values| values.into_iter().map(|value| value != 0).collect())
    }
    fn wrap(values: Vec<Self>) -> Data {
        <u8 as Bits>::wrap(bytemuck::cast_vec(values))
    }
}

impl Element for String {
    const TYPE: ElementType = ElementType::String;
    fn view(data: &Data) -> Option<&[Self]> {
        <String as Bits>::view(data)
    }
    fn take(data: Data) -> Option<Vec<Self>> {
        <String as Bits>::take(data)
    }
    fn wrap(values: Vec<Self>) -> Data {
        <String as Bits>::wrap(values)
    }
}

impl Data {
    /// `count` elements of a type, all zero, false or empty. `None` where there is no memory for them.
    pub fn zeros(element_type: ElementType, count: usize) -> Option<Data> {
        fn zeros<T: Bits>(count: usize) -> Option<Data> {
            let mut values: Vec<T> = Vec::new();
            values.try_reserve_exact(count).ok()?;
            values.resize(count, T::default());
            Some(T::wrap(values))
        }
        match (element_type, element_type.bytes()) {
            (ElementType::String, _) => zeros::<String>(count),
            (_, 1) => zeros::<u8>(count),
            (_, 2) => zeros::<u16>(count),
            (_, 4) => zeros::<u32>(count),
            _ => zeros::<u64>(count),
        }
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        match self {
            Data::Bits8(values) => values.len(),
            Data::Bits16(values) => values.len(),
            Data::Bits32(values) => values.len(),
            Data::Bits64(values) => values.len(),
            Data::Strings(values) => values.len(),
        }
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of the elements; none of strings.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Data::Bits8(values) => values,
            Data::Bits16(values) => bytemuck::cast_slice(values),
            Data::Bits32(values) => bytemuck::cast_slice(values),
            Data::Bits64(values) => bytemuck::cast_slice(values),
            Data::Strings(_) => &[],
        }
    }

    /// The bytes of the elements, to be written to; none of strings. Shared elements are copied first.
    pub fn as_bytes_mut(&mut self) -> &mut [u8] {
        match self {
            Data::Bits8(values) => Arc::make_mut(values).as_mut_slice(),
            Data::Bits16(values) => bytemuck::cast_slice_mut(Arc::make_mut(values).as_mut_slice()),
            Data::Bits32(values) => bytemuck::cast_slice_mut(Arc::make_mut(values).as_mut_slice()),
            Data::Bits64(values) => bytemuck::cast_slice_mut(Arc::make_mut(values).as_mut_slice()),
            Data::Strings(_) => &mut [],
        }
    }
}
