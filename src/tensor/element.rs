//! Element types: their names, their numbers in ONNX and their sizes.

/// The element types of tensors, named as in onnxruntime-web. Types of less than a byte take one byte an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ElementType {
    /// `float32`
    Float32,
    /// `float64`
    Float64,
    /// `float16`, IEEE 754 binary16
    Float16,
    /// `int8`
    Int8,
    /// `int16`
    Int16,
    /// `int32`
    Int32,
    /// `int64`
    Int64,
    /// `uint8`
    Uint8,
    /// `uint16`
    Uint16,
    /// `uint32`
    Uint32,
    /// `uint64`
    Uint64,
    /// `bool`, one byte, 0 or 1
    Bool,
    /// `string`, UTF-8
    String,
    /// `bfloat16`, the upper half of a `float32`
    Bfloat16,
    /// `int4`, as an `int8`
    Int4,
    /// `uint4`, as a `uint8`
    Uint4,
    /// `int2`, as an `int8`
    Int2,
    /// `uint2`, as a `uint8`
    Uint2,
    /// `float8e4m3fn`, its bits
    Float8E4M3Fn,
    /// `float8e4m3fnuz`, its bits
    Float8E4M3Fnuz,
    /// `float8e5m2`, its bits
    Float8E5M2,
    /// `float8e5m2fnuz`, its bits
    Float8E5M2Fnuz,
    /// `float8e8m0`, its bits
    Float8E8M0,
    /// `float4e2m1`, its bits in a byte
    Float4E2M1,
}

struct Row {
    element_type: ElementType,
    name: &'static str,
    onnx: i32,
    bytes: usize,
    /// Elements of a type of less than a byte that ONNX packs into one.
    packed: usize,
}

const fn row(element_type: ElementType, name: &'static str, onnx: i32, bytes: usize) -> Row {
    Row { element_type, name, onnx, bytes, packed: 1 }
}

const fn packed(element_type: ElementType, name: &'static str, onnx: i32, packed: usize) -> Row {
    Row { element_type, name, onnx, bytes: 1, packed }
}

const TABLE: [Row; 24] = [
    row(ElementType::Float32, "float32", 1, 4),
    row(ElementType::Float64, "float64", 11, 8),
    row(ElementType::Float16, "float16", 10, 2),
    row(ElementType::Int8, "int8", 3, 1),
    row(ElementType::Int16, "int16", 5, 2),
    row(ElementType::Int32, "int32", 6, 4),
    row(ElementType::Int64, "int64", 7, 8),
    row(ElementType::Uint8, "uint8", 2, 1),
    row(ElementType::Uint16, "uint16", 4, 2),
    row(ElementType::Uint32, "uint32", 12, 4),
    row(ElementType::Uint64, "uint64", 13, 8),
    row(ElementType::Bool, "bool", 9, 1),
    row(ElementType::String, "string", 8, size_of::<String>()),
    row(ElementType::Bfloat16, "bfloat16", 16, 2),
    packed(ElementType::Int4, "int4", 22, 2),
    packed(ElementType::Uint4, "uint4", 21, 2),
    packed(ElementType::Int2, "int2", 26, 4),
    packed(ElementType::Uint2, "uint2", 25, 4),
    row(ElementType::Float8E4M3Fn, "float8e4m3fn", 17, 1),
    row(ElementType::Float8E4M3Fnuz, "float8e4m3fnuz", 18, 1),
    row(ElementType::Float8E5M2, "float8e5m2", 19, 1),
    row(ElementType::Float8E5M2Fnuz, "float8e5m2fnuz", 20, 1),
    row(ElementType::Float8E8M0, "float8e8m0", 24, 1),
    packed(ElementType::Float4E2M1, "float4e2m1", 23, 2),
];

/// Types that ONNX has and Edgewise does not carry.
const FOREIGN: [(i32, &str); 2] = [(14, "complex64"), (15, "complex128")];

impl ElementType {
    fn find(matches: impl Fn(&Row) -> bool) -> Option<&'static Row> {
        TABLE.iter().find(|row| matches(row))
    }

    fn row(self) -> Option<&'static Row> {
        TABLE.get(self as usize)
    }

    /// The type that JavaScript calls `name`.
    pub fn from_name(name: &str) -> Option<ElementType> {
        Self::find(|row| row.name == name).map(|row| row.element_type)
    }

    /// The type of an ONNX `TensorProto.DataType` number.
    pub fn from_onnx(number: i32) -> Option<ElementType> {
        Self::find(|row| row.onnx == number).map(|row| row.element_type)
    }

    /// The name, the same in JavaScript.
    pub fn name(self) -> &'static str {
        self.row().map_or("", |row| row.name)
    }

    /// The ONNX `TensorProto.DataType` number.
    pub fn onnx(self) -> i32 {
        self.row().map_or(0, |row| row.onnx)
    }

    /// The bytes that an element takes in memory.
    pub fn bytes(self) -> usize {
        self.row().map_or(0, |row| row.bytes)
    }

    /// How many elements ONNX packs into a byte; 1 for types of a byte and more.
    pub fn packed(self) -> usize {
        self.row().map_or(1, |row| row.packed)
    }

    /// The type that elements of this one are computed as: float32 of those of half precision.
    pub fn computed(self) -> ElementType {
        match self {
            ElementType::Float16 | ElementType::Bfloat16 => ElementType::Float32,
            other => other,
        }
    }

    /// Whether this is a floating-point type.
    pub fn is_float(self) -> bool {
        matches!(self, ElementType::Float32 | ElementType::Float64 | ElementType::Float16 | ElementType::Bfloat16)
    }
}

/// The name of an ONNX type number, also of those that Edgewise does not carry.
pub fn onnx_type_name(number: i32) -> String {
    let foreign = || FOREIGN.iter().find(|row| row.0 == number).map(|row| row.1);
    let name = ElementType::from_onnx(number).map(ElementType::name).or_else(foreign);
    name.map_or_else(|| format!("type {number}"), str::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_types() {
        for (index, row) in TABLE.iter().enumerate() {
            assert_eq!(row.element_type as usize, index, "{}", row.name);
        }
    }
}
