//! What JavaScript calls. A binding converts in, makes one call, converts out; pkg/engine.js is the only caller.

mod tensors;
mod values;

use std::cell::RefCell;
use std::panic::AssertUnwindSafe;

use js_sys::{Array, Function};
use wasm_bindgen::prelude::*;

use crate::kernels::parallel;
use crate::model::{Integrity, Reader};
use crate::session::Session;
use values::{LoadOptions, ReadOptions, from_js, list, to_js};

thread_local! {
    /// Told of panics of this thread. Others know no function of this one's: what they panic with is a panic here again.
    static LISTENER: RefCell<Option<Function>> = const { RefCell::new(None) };
}

/// Calls `listener` with the message of a Rust panic, just before the trap that it ends in.
#[wasm_bindgen(js_name = onPanic)]
pub fn on_panic(listener: Function) {
    LISTENER.replace(Some(listener));
    std::panic::set_hook(Box::new(|info| {
        let text = || JsValue::from_str(&info.to_string());
        // A hook may not fail, and the trap that follows is reported without it.
        LISTENER.with_borrow(|listener| listener.as_ref().map(|listener| listener.call1(&JsValue::NULL, &text())));
    }));
}

/// Not called: that it can be makes wasm-bindgen number the instances, so that what is left of a dead one, its
/// finalisers above all, never touches the memory of the next. pkg/scripts/wasm.mjs adds the restart itself, which
/// browsers only allow asynchronously on the main thread for a module of this size.
#[wasm_bindgen]
pub fn reinitialise() {
    wasm_bindgen::handler::schedule_reinit();
}

/// The instruction set that this build of the engine uses.
#[wasm_bindgen(js_name = buildName)]
pub fn build_name() -> String {
    let simd = if cfg!(target_feature = "relaxed-simd") { "relaxed-simd" } else { "simd128" };
    if cfg!(target_feature = "atomics") { format!("{simd} threads") } else { simd.to_string() }
}

/// The threads that take part in a run.
#[wasm_bindgen(js_name = countThreads)]
pub fn count_threads() -> usize {
    parallel::threads()
}

/// Takes part in runs for as long as the thread lives.
#[wasm_bindgen]
pub fn serve() {
    parallel::serve();
}

/// Counts this thread among those that take part, and gives the address of an int32 to set to 1 when it has trapped.
#[wasm_bindgen]
pub fn enlist() -> usize {
    parallel::enlist()
}

/// Lets the thread that runs models sleep while others finish, which that of a page may not.
#[wasm_bindgen(js_name = allowWait)]
pub fn allow_wait() {
    parallel::allow_wait();
}

/// The bytes of linear memory that the instance has, which never shrink.
#[wasm_bindgen(js_name = memoryBytes)]
pub fn memory_bytes() -> usize {
    core::arch::wasm32::memory_size::<0>() << 16
}

/// Reads a model from bytes in order. What a panic leaves half done is not used again: pkg/engine.js ends the engine.
#[wasm_bindgen]
pub struct ModelReader(AssertUnwindSafe<Reader>);

#[wasm_bindgen]
impl ModelReader {
    /// Starts a reader; `options` are limits, the integrity metadata, and whether to hash without them.
    #[wasm_bindgen(constructor)]
    pub fn new(options: JsValue) -> Result<ModelReader, JsValue> {
        let options: ReadOptions = from_js(options)?;
        let integrity = options.integrity.as_deref().map(Integrity::parse).transpose().map_err(values::throw)?;
        let limits = options.limits().map_err(values::throw)?;
        let reader = Reader::new(limits, integrity, options.expected());
        Ok(ModelReader(AssertUnwindSafe(if options.hash { reader.hash() } else { reader })))
    }

    /// Takes the next bytes of the model.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), JsValue> {
        self.0.push(bytes).map_err(values::throw)
    }

    /// Ends the model's own bytes and lists the external files that it needs.
    pub fn end(&mut self) -> Result<JsValue, JsValue> {
        let files = self.0.end().map_err(values::throw)?;
        to_js(&list::<values::ExternalFile, _>(&files))
    }

    /// Takes bytes of an external file that stand at `position` in it.
    #[wasm_bindgen(js_name = pushExternal)]
    pub fn push_external(&mut self, location: &str, position: usize, bytes: &[u8]) {
        self.0.push_external(location, position, bytes);
    }

    /// Describes the model without preparing it.
    pub fn inspect(self) -> Result<JsValue, JsValue> {
        let mut model = self.0.0.finish().map_err(values::throw)?;
        let faults = model.list_unsupported().map_err(values::throw)?;
        to_js(&values::Inspection::new(&model, faults))
    }

    /// Prepares the model to run.
    pub fn load(self, options: JsValue) -> Result<EngineSession, JsValue> {
        let options: LoadOptions = from_js(options)?;
        let sizes = options.sizes().map_err(values::throw)?;
        let model = self.0.0.finish().map_err(values::throw)?;
        let session = Session::new(model, &sizes).map_err(values::throw)?;
        Ok(EngineSession(AssertUnwindSafe(session)))
    }
}

/// A model ready to run.
#[wasm_bindgen]
pub struct EngineSession(AssertUnwindSafe<Session>);

#[wasm_bindgen]
impl EngineSession {
    /// The inputs that a run takes.
    pub fn inputs(&self) -> Result<JsValue, JsValue> {
        to_js(&list::<values::Info, _>(self.0.inputs()))
    }

    /// The outputs that a run gives.
    pub fn outputs(&self) -> Result<JsValue, JsValue> {
        to_js(&list::<values::Info, _>(self.0.outputs()))
    }

    /// What the model says about itself.
    pub fn metadata(&self) -> Result<JsValue, JsValue> {
        to_js(&values::Metadata::from(self.0.metadata()))
    }

    /// Counts so far.
    pub fn stats(&self) -> Result<JsValue, JsValue> {
        to_js(&values::Stats::from(&self.0.stats()))
    }

    /// Throws the error for a name that no input has.
    #[wasm_bindgen(js_name = refuseInput)]
    pub fn refuse_input(&self, name: &str) -> Result<(), JsValue> {
        Err(values::throw(self.0.unknown_input(name)))
    }

    /// Runs the model once on zeros of the dims given by name.
    #[wasm_bindgen(js_name = warmUp)]
    pub fn warm_up(&mut self, dims: JsValue) -> Result<(), JsValue> {
        let dims = values::read_dims(from_js(dims)?).map_err(values::throw)?;
        self.0.warm_up(&dims).map_err(values::throw)
    }

    /// Runs the model on the inputs that `heads` and `data` hold, and returns an array of the heads of the outputs and their data:
    /// bindings/tensors.rs says what stands in them. `outputs` names those wanted, or none for all.
    pub fn run(&mut self, heads: &[f64], data: &Array, outputs: JsValue) -> Result<Array, JsValue> {
        let inputs = tensors::read_inputs(self.0.inputs(), heads, data).map_err(values::throw)?;
        let outputs: Option<Vec<String>> = if outputs.is_undefined() { None } else { from_js(outputs)? };
        let results = self.0.run_placed(inputs, outputs.as_deref()).map_err(values::throw)?;
        Ok(tensors::write_outputs(&results))
    }
}
