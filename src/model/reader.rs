//! Takes a model's bytes in parts of any size, so that a file need never be in memory as a whole: values of
//! weights go to their tensors as they come, and what is left of the messages around them is decoded by prost.
//!
//! Five messages are opened, on the way to
//! tensors; every other field is copied as it is to its message's skeleton. prost merges fields in any order.

use std::collections::BTreeMap;

use prost::Message;
use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto};

use super::extension::{GraphExtension, ModelExtension};
use super::format::{START, name_format};
use super::integrity::{Hasher, Integrity};
use super::raw::{Raw, extend, reserve};
use super::weights::{External, Weight, allocate, decode, finish, is_described, take_constants};
use super::wire::{Header, Prefix, parse_header};
use super::{Limits, Metadata, Model, Parts};
use crate::error::{Error, ErrorCode, Result};
use crate::tensor::Tensor;

const GRAPH: u64 = 7;
const NODE: u64 = 1;
const INITIALIZER: u64 = 5;
const ATTRIBUTE: u64 = 5;
const ATTRIBUTE_TENSOR: u64 = 5;
const RAW_DATA: u64 = 9;

/// Above this, memory is taken as bytes arrive and not as a length in the file promises.
const TRUSTED_LENGTH: usize = 1 << 26;

/// An open message: its fields so far, and the position at which it ends.
struct Frame {
    end: usize,
    skeleton: Vec<u8>,
    kind: Kind,
}

enum Kind {
    Model,
    Graph,
    Node { attributes: Vec<AttributeProto> },
    Attribute { tensor: Option<Box<TensorProto>> },
    Tensor { raw: Raw },
}

impl Kind {
    /// What a field opens, where it is not copied.
    fn open(&self, field: &Header) -> Option<Kind> {
        let Prefix::Length(_) = field.prefix else { return None };
        match (self, field.number) {
            (Kind::Model, GRAPH) => Some(Kind::Graph),
            (Kind::Graph, NODE) => Some(Kind::Node { attributes: Vec::new() }),
            (Kind::Graph, INITIALIZER) | (Kind::Attribute { .. }, ATTRIBUTE_TENSOR) => {
                Some(Kind::Tensor { raw: Raw::Bytes(Vec::new()) })
            }
            (Kind::Node { .. }, ATTRIBUTE) => Some(Kind::Attribute { tensor: None }),
            _ => None,
        }
    }

    /// Whether a field is a tensor's values.
    fn has_values(&self, field: &Header) -> bool {
        matches!((self, &field.prefix), (Kind::Tensor { .. }, Prefix::Length(_))) && field.number == RAW_DATA
    }
}

enum State {
    /// Between fields; the bytes of an incomplete field header.
    Header(Vec<u8>),
    /// Inside a field that is copied, to the skeleton or to the tensor's raw data.
    Copy { left: usize, raw: bool },
}

/// A file of weights that a model needs beside its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalFile {
    /// The name that the model gives it.
    pub location: String,
    /// The tensors whose values it holds.
    pub tensors: Vec<String>,
    /// The least length it can have, in bytes.
    pub bytes: usize,
}

struct Pending {
    name: String,
    tensor: Tensor,
    external: External,
}

/// Reads a model from bytes in order.
pub struct Reader {
    limits: Limits,
    hasher: Option<Hasher>,
    failure: Option<Error>,
    sha256: Option<String>,
    position: usize,
    expected: usize,
    start: Vec<u8>,
    frames: Vec<Frame>,
    state: State,
    graph: Option<GraphProto>,
    extension: GraphExtension,
    nodes: Vec<NodeProto>,
    weights: BTreeMap<String, Tensor>,
    pending: Vec<Pending>,
}

impl Reader {
    /// Starts a reader. `integrity` is checked by [`Reader::end`]; `expected` bytes, where known, are a hint for how
    /// much memory may be taken at once. Without `integrity` nothing is hashed, which takes longer than all else that is done
    /// with the bytes, unless [`Reader::hash`] asks for it.
    pub fn new(limits: Limits, integrity: Option<Integrity>, expected: Option<usize>) -> Reader {
        Reader {
            limits,
            hasher: integrity.map(|integrity| Hasher::new(Some(integrity))),
            failure: None,
            sha256: None,
            position: 0,
            expected: expected.unwrap_or(0),
            start: Vec::new(),
            frames: vec![Frame { end: usize::MAX, skeleton: Vec::new(), kind: Kind::Model }],
            state: State::Header(Vec::new()),
            graph: None,
            extension: GraphExtension::default(),
            nodes: Vec::new(),
            weights: BTreeMap::new(),
            pending: Vec::new(),
        }
    }

    /// Takes the SHA-256 of the bytes for the metadata. To be called before there are any.
    #[must_use]
    pub fn hash(mut self) -> Reader {
        self.hasher.get_or_insert_with(|| Hasher::new(None));
        self
    }

    /// Takes the next bytes of the model.
    pub fn push(&mut self, bytes: &[u8]) -> Result<()> {
        if let Some(hasher) = &mut self.hasher {
            hasher.update(bytes);
        }
        if self.failure.is_some() {
            return Ok(());
        }
        match self.read(bytes) {
            // Bytes that are not those asked for are told as such, whatever else is wrong with them.
            Err(error) if self.hasher.as_ref().is_some_and(Hasher::is_expecting) => {
                self.failure = Some(error);
                Ok(())
            }
            result => result,
        }
    }

    fn read(&mut self, mut bytes: &[u8]) -> Result<()> {
        let missing = START.saturating_sub(self.start.len());
        self.start.extend(bytes.iter().take(missing));
        if self.position.checked_add(bytes.len()).is_none_or(|total| total > self.limits.model_bytes) {
            return Err(Error::limit(format!("the model is over the limit of {} bytes", self.limits.model_bytes)));
        }
        while !bytes.is_empty() {
            bytes = self.copy_fields(bytes).and_then(|bytes| self.step(bytes)).map_err(|error| self.explain(error))?;
        }
        Ok(())
    }

    /// Ends the model's own bytes: checks that they are whole and have the hash that was asked for. Returns the
    /// external files that it needs, to be given by [`Reader::push_external`].
    pub fn end(&mut self) -> Result<Vec<ExternalFile>> {
        if let Some(hasher) = self.hasher.take() {
            self.sha256 = Some(hasher.finish()?);
        }
        if let Some(error) = self.failure.take() {
            return Err(error);
        }
        if self.position == 0 {
            return Err(Error::invalid("the model is empty: it has 0 bytes"));
        }
        let whole = matches!(&self.state, State::Header(header) if header.is_empty()) && self.frames.len() == 1;
        if !whole {
            let error = Error::invalid(format!(
                "the model is truncated: it ends after {} bytes, inside a field that goes on",
                self.position
            ));
            return Err(self.explain(error));
        }
        if self.graph.is_none() {
            return Err(self.explain(Error::invalid("this is not an ONNX model: it holds no graph")));
        }
        let files = self.list_external();
        let total = files.iter().fold(self.position, |total, file| total.saturating_add(file.bytes));
        match total <= self.limits.model_bytes {
            true => Ok(files),
            false => Err(Error::limit(format!(
                "the model and its external data have {total} bytes, over the limit of {}",
                self.limits.model_bytes
            ))),
        }
    }

    fn list_external(&self) -> Vec<ExternalFile> {
        let mut files: BTreeMap<&str, ExternalFile> = BTreeMap::new();
        for pending in &self.pending {
            let location = &pending.external.location;
            let file = files.entry(location).or_insert_with(|| ExternalFile {
                location: location.clone(),
                tensors: Vec::new(),
                bytes: 0,
            });
            file.tensors.push(pending.name.clone());
            file.bytes = file.bytes.max(pending.external.offset + pending.external.length);
        }
        files.into_values().collect()
    }

    /// Takes bytes of the external file `location` that stand at `position` in it.
    pub fn push_external(&mut self, location: &str, position: usize, bytes: &[u8]) {
        for pending in self.pending.iter_mut().filter(|pending| pending.external.location == location) {
            let (start, end) = (pending.external.offset, pending.external.offset + pending.external.length);
            let (from, to) = (start.max(position), end.min(position.saturating_add(bytes.len())));
            if from < to
                && let Some(source) = bytes.get(from - position..to - position)
                && let Some(target) = pending.tensor.as_bytes_mut().get_mut(from - start..to - start)
            {
                target.copy_from_slice(source);
            }
        }
    }

    /// The model, once [`Reader::end`] has been called and every external file given in whole.
    pub fn finish(mut self) -> Result<Model> {
        let Some(frame) = self.frames.pop() else {
            return Err(Error::invalid("the model was not read to its end"));
        };
        let mut proto = decode_message::<ModelProto>(&frame.skeleton, "the model")?;
        let mut graph = self.graph.take().unwrap_or_default();
        graph.node = std::mem::take(&mut self.nodes);
        for pending in self.pending.drain(..) {
            self.weights.insert(pending.name, finish(pending.tensor));
        }
        take_constants(&mut graph, &mut self.weights, self.limits.tensor_bytes)?;
        let ModelExtension { functions } = decode_message(&frame.skeleton, "the model")?;
        let metadata = Metadata::new(&proto, self.sha256, self.position);
        proto.graph = Some(graph);
        Model::new(Parts { proto, functions, types: self.extension, weights: self.weights }, metadata, self.limits)
    }

    /// Advances by whole fields that are copied: a forest has hundreds of thousands, of a few bytes each, which are copied together.
    fn copy_fields<'b>(&mut self, mut bytes: &'b [u8]) -> Result<&'b [u8]> {
        while matches!(&self.state, State::Header(header) if header.is_empty()) {
            let Some(frame) = self.frames.last_mut() else { break };
            // What ends outside its message is not for here.
            let room = frame.end.min(self.limits.model_bytes).saturating_sub(self.position);
            let run = measure_fields(&frame.kind, bytes.get(..room).unwrap_or(bytes))?;
            let Some((copied, rest)) = bytes.split_at_checked(run).filter(|_| run > 0) else { break };
            extend(&mut frame.skeleton, copied)?;
            self.position += run;
            bytes = rest;
            self.close_frames()?;
        }
        Ok(bytes)
    }

    /// Advances by one header byte or one run of copied bytes, and returns what is left of `bytes`.
    fn step<'b>(&mut self, bytes: &'b [u8]) -> Result<&'b [u8]> {
        let taken = match &mut self.state {
            State::Header(header) => {
                header.extend(bytes.first());
                usize::from(!bytes.is_empty())
            }
            State::Copy { left, raw } => {
                let count = (*left).min(bytes.len());
                let part = bytes.get(..count).unwrap_or_default();
                match self.frames.last_mut() {
                    Some(Frame { kind: Kind::Tensor { raw: target }, .. }) if *raw => target.extend(part)?,
                    Some(frame) => extend(&mut frame.skeleton, part)?,
                    None => {}
                }
                *left -= count;
                count
            }
        };
        self.position += taken;
        match &self.state {
            State::Header(header) => {
                if let Some(field) = parse_header(header)? {
                    self.begin_field(&field)?;
                }
            }
            State::Copy { left: 0, .. } => self.state = State::Header(Vec::new()),
            State::Copy { .. } => {}
        }
        self.close_frames()?;
        Ok(bytes.get(taken..).unwrap_or_default())
    }

    fn begin_field(&mut self, field: &Header) -> Result<()> {
        let State::Header(header) = std::mem::replace(&mut self.state, State::Header(Vec::new())) else {
            return Ok(());
        };
        let inside_graph = matches!(self.frames.iter().rev().nth(1), Some(Frame { kind: Kind::Graph, .. }));
        let limit = self.limits.tensor_bytes;
        let Some(frame) = self.frames.last_mut() else { return Ok(()) };
        let left = field.prefix.left();
        let end = self.position.checked_add(left).filter(|end| *end <= frame.end.min(self.limits.model_bytes));
        let end = end.ok_or_else(|| corrupt(self.position))?;
        let has_values = frame.kind.has_values(field);
        match (frame.kind.open(field), &mut frame.kind) {
            (Some(kind), _) => self.frames.push(Frame { end, skeleton: Vec::new(), kind }),
            (None, Kind::Tensor { raw }) if has_values => {
                let is_whole = left <= TRUSTED_LENGTH.max(self.expected.saturating_sub(self.position));
                let tensor = if inside_graph && is_whole { allocate(&frame.skeleton, left, limit) } else { None };
                *raw = match tensor {
                    Some(tensor) => Raw::Values { tensor, filled: 0 },
                    None => Raw::Bytes(reserve(left.min(TRUSTED_LENGTH))?),
                };
                self.state = State::Copy { left, raw: true };
            }
            (None, _) => {
                frame.skeleton.extend_from_slice(&header);
                self.state = State::Copy { left, raw: false };
            }
        }
        if let State::Copy { left: 0, .. } = self.state {
            self.state = State::Header(Vec::new());
        }
        Ok(())
    }

    fn close_frames(&mut self) -> Result<()> {
        while self.frames.len() > 1
            && matches!(&self.state, State::Header(header) if header.is_empty())
            && self.frames.last().is_some_and(|frame| frame.end == self.position)
        {
            if let Some(frame) = self.frames.pop() {
                self.close(frame)?;
            }
        }
        Ok(())
    }

    fn close(&mut self, frame: Frame) -> Result<()> {
        match frame.kind {
            Kind::Model => {}
            Kind::Graph => {
                let graph = decode_message::<GraphProto>(&frame.skeleton, "the graph")?;
                self.extension = decode_message(&frame.skeleton, "the graph")?;
                if self.graph.replace(graph).is_some() {
                    return Err(Error::invalid("the model holds more than one graph"));
                }
            }
            Kind::Node { attributes } => {
                let mut node = decode_message::<NodeProto>(&frame.skeleton, "a node")?;
                node.attribute = attributes;
                self.nodes.push(node);
            }
            Kind::Attribute { tensor } => {
                let mut attribute = decode_message::<AttributeProto>(&frame.skeleton, "an attribute")?;
                attribute.t = tensor.map(|tensor| *tensor);
                if let Some(Kind::Node { attributes }) = self.frames.last_mut().map(|frame| &mut frame.kind) {
                    attributes.push(attribute);
                }
            }
            Kind::Tensor { raw } => {
                let mut proto = decode_message::<TensorProto>(&frame.skeleton, "a tensor")?;
                let bytes = match raw {
                    Raw::Bytes(bytes) => bytes,
                    // Unless a later field contradicts what the tensor was made from.
                    Raw::Values { tensor, .. } if is_described(&tensor, &proto) => {
                        return self.add_weight(proto.name, Weight::Here(finish(tensor)));
                    }
                    Raw::Values { tensor, .. } => tensor.as_bytes().to_vec(),
                };
                proto.raw_data = bytes;
                match self.frames.last_mut().map(|frame| &mut frame.kind) {
                    Some(Kind::Attribute { tensor }) => *tensor = Some(Box::new(proto)),
                    _ => self.add_initializer(proto)?,
                }
            }
        }
        Ok(())
    }

    fn add_initializer(&mut self, proto: TensorProto) -> Result<()> {
        let weight = decode(&proto, self.limits.tensor_bytes)?;
        self.add_weight(proto.name, weight)
    }

    fn add_weight(&mut self, name: String, weight: Weight) -> Result<()> {
        if self.weights.contains_key(&name) || self.pending.iter().any(|pending| pending.name == name) {
            return Err(Error::invalid(format!("the graph has two initializers called \"{name}\"")));
        }
        match weight {
            Weight::Here(tensor) => {
                self.weights.insert(name, tensor);
            }
            Weight::Elsewhere(tensor, external) => self.pending.push(Pending { name, tensor, external }),
        }
        Ok(())
    }

    /// A decoding error says little about a file that is something else altogether.
    fn explain(&self, error: Error) -> Error {
        match name_format(&self.start) {
            Some(what) if error.code == ErrorCode::ModelInvalid => {
                Error::invalid(format!("this is not an ONNX model: the bytes look like {what}"))
            }
            _ => error,
        }
    }
}

/// The bytes of the whole fields, from the first on, that a message copies to its skeleton.
fn measure_fields(kind: &Kind, bytes: &[u8]) -> Result<usize> {
    let mut rest = bytes;
    while let Some(field) = parse_header(rest)? {
        if kind.open(&field).is_some() || kind.has_values(&field) {
            break;
        }
        let Some(behind) = rest.get(field.length.saturating_add(field.prefix.left())..) else { break };
        rest = behind;
    }
    Ok(bytes.len() - rest.len())
}

fn corrupt(position: usize) -> Error {
    Error::invalid(format!("the model is corrupt: a field at byte {position} is longer than what holds it"))
}

fn decode_message<M: Message + Default>(bytes: &[u8], what: &str) -> Result<M> {
    M::decode(bytes).map_err(|error| Error::invalid(format!("the model is corrupt: {what} cannot be read ({error})")))
}
