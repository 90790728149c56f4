//! The one error type of the core: a code, a message that names its subject, and the subject's parts.

use std::fmt;

/// What went wrong, as the caller may branch on it. JavaScript adds the codes of what only it can see
/// (fetching, aborting, the engine's own life); docs/errors.md lists all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCode {
    /// The bytes are not those that the caller's integrity metadata names.
    ModelIntegrity,
    /// The bytes are not a well-formed ONNX model.
    ModelInvalid,
    /// The model is well-formed and uses something other than an operator that Edgewise does not run.
    ModelUnsupported,
    /// The model uses operators that Edgewise does not run.
    OpUnsupported,
    /// An input, an output name or an option of the caller is wrong.
    InputInvalid,
    /// A size is over a limit.
    LimitExceeded,
    /// An operator failed on the values it was given.
    ExecutionFailed,
}

impl ErrorCode {
    /// The code's name, the same in JavaScript.
    pub fn name(self) -> &'static str {
        match self {
            ErrorCode::ModelIntegrity => "MODEL_INTEGRITY",
            ErrorCode::ModelInvalid => "MODEL_INVALID",
            ErrorCode::ModelUnsupported => "MODEL_UNSUPPORTED",
            ErrorCode::OpUnsupported => "OP_UNSUPPORTED",
            ErrorCode::InputInvalid => "INPUT_INVALID",
            ErrorCode::LimitExceeded => "LIMIT_EXCEEDED",
            ErrorCode::ExecutionFailed => "EXECUTION_FAILED",
        }
    }
}

/// An error that names its subject.
#[derive(Debug, Clone, PartialEq)]
pub struct Error {
    /// What went wrong.
    pub code: ErrorCode,
    /// A sentence for a person.
    pub message: String,
    /// What it is about, where it is about one thing.
    pub subject: Box<Subject>,
}

/// The parts of an error's message, for programs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Subject {
    /// The model input (or option) at fault.
    pub input: Option<String>,
    /// The model output at fault.
    pub output: Option<String>,
    /// The node at fault.
    pub node: Option<String>,
    /// The operator of the node at fault.
    pub op: Option<String>,
    /// What was expected, such as `float32[batch,3,224,224]`.
    pub expected: Option<String>,
    /// What was found instead.
    pub actual: Option<String>,
}

/// The result of anything in the core that can fail.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    fn new(code: ErrorCode, message: impl Into<String>) -> Error {
        Error { code, message: message.into(), subject: Box::default() }
    }

    /// The bytes do not have the hash that was asked for.
    pub fn integrity(message: impl Into<String>) -> Error {
        Error::new(ErrorCode::ModelIntegrity, message)
    }

    /// The model is malformed.
    pub fn invalid(message: impl Into<String>) -> Error {
        Error::new(ErrorCode::ModelInvalid, message)
    }

    /// The model is well-formed and cannot be run.
    pub fn unsupported(message: impl Into<String>) -> Error {
        Error::new(ErrorCode::ModelUnsupported, message)
    }

    /// Operators of the model cannot be run.
    pub fn operators(message: impl Into<String>) -> Error {
        Error::new(ErrorCode::OpUnsupported, message)
    }

    /// The caller gave something wrong.
    pub fn input(message: impl Into<String>) -> Error {
        Error::new(ErrorCode::InputInvalid, message)
    }

    /// A limit was reached.
    pub fn limit(message: impl Into<String>) -> Error {
        Error::new(ErrorCode::LimitExceeded, message)
    }

    /// An operator failed while the model ran.
    pub fn execution(message: impl Into<String>) -> Error {
        Error::new(ErrorCode::ExecutionFailed, message)
    }

    /// Names the model input at fault.
    pub fn at_input(mut self, name: impl Into<String>) -> Error {
        self.subject.input = Some(name.into());
        self
    }

    /// Names the model output at fault.
    pub fn at_output(mut self, name: impl Into<String>) -> Error {
        self.subject.output = Some(name.into());
        self
    }

    /// Names the node at fault and its operator.
    pub fn at_node(mut self, name: impl Into<String>, op: impl Into<String>) -> Error {
        self.subject.node = Some(name.into());
        self.subject.op = Some(op.into());
        self
    }

    /// Names the node at fault in the message too, unless a node inside it has been named.
    pub fn in_node(self, name: &str, op: &str) -> Error {
        if self.subject.node.is_some() {
            return self;
        }
        let message = format!("node \"{name}\" ({op}): {}", self.message);
        Error { message, ..self }.at_node(name, op)
    }

    /// Says what was expected and what was found.
    pub fn mismatch(mut self, expected: impl Into<String>, actual: impl Into<String>) -> Error {
        self.subject.expected = Some(expected.into());
        self.subject.actual = Some(actual.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.name(), self.message)
    }
}

impl std::error::Error for Error {}
