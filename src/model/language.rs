//! A language model, loaded: its decoder, its tokenizer, and what it says of itself.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

use super::config::GenerationConfig;
use super::decoder::{Decoder, Source};
use super::locate::Located;
use super::ops::Weight;
use super::packed;
use super::tokenizer::Tokenizer;
use super::weights::{LoadError, Weights};
use super::{DTypeSpec, DeviceSpec};
use crate::prompt::chat::ChatTemplate;

/// A model ready to run.
pub struct LanguageModel {
    /// The weights.
    pub decoder: Decoder,
    /// The tokenizer.
    pub tokenizer: Arc<Tokenizer>,
    /// The chat template, if there is one.
    pub chat: Option<ChatTemplate>,
    /// What `generation_config.json` says.
    pub generation: GenerationConfig,
    /// Where it runs.
    pub device: Device,
    /// The number format it computes in.
    pub dtype: DType,
    /// SHA-256 over its files, in hexadecimal.
    pub sha256: String,
}

/// Weights on their way to a device; asks at each tensor whether to go on.
struct Reader<'a> {
    weights: &'a Weights,
    device: &'a Device,
    dtype: DType,
    packed: bool,
    progress: std::cell::RefCell<&'a mut dyn FnMut() -> bool>,
}

impl Source for Reader<'_> {
    type Error = LoadError;

    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor, LoadError> {
        if !(self.progress.borrow_mut())() {
            return Err(LoadError::Cancelled);
        }
        self.weights.tensor(name, shape, self.dtype, self.device)
    }

    fn matrix(&self, name: &str, shape: &[usize]) -> Result<Weight, LoadError> {
        if !self.packed {
            return self.tensor(name, shape).map(Weight::Tensor);
        }
        if !(self.progress.borrow_mut())() {
            return Err(LoadError::Cancelled);
        }
        self.weights.packed(name, shape).map(|packed| Weight::Packed(Arc::new(packed)))
    }
}

impl LanguageModel {
    /// Reads a model that was found; `go_on` is asked at each tensor.
    pub fn load(
        located: &Located,
        device: &DeviceSpec,
        dtype: DTypeSpec,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Self, LoadError> {
        let device = open(device)?;
        let dtype = format_on(&device, dtype)?;
        let weights = Weights::open(&located.files)?;
        let tokenizer = Arc::new(weights.tokenizer()?);
        let decoder = load_decoder(&weights, &device, dtype, device.is_cpu(), go_on)?;
        let (chat, generation, sha256) = (weights.chat_template()?, weights.generation()?, weights.sha256()?);
        Ok(Self { decoder, tokenizer, chat, generation, device, dtype, sha256 })
    }

    /// How its weights are held and multiplied, in words.
    pub fn kernels(&self) -> String {
        let forms = self.decoder.forms();
        if forms.is_empty() {
            return "tensors of the device".to_owned();
        }
        let held: Vec<String> =
            forms.iter().map(|(form, bytes)| format!("{} ({:.0} MB)", form.name(), *bytes as f64 / 1e6)).collect();
        format!("weights in {}, multiplied by {}", held.join(" and "), packed::ways())
    }

    /// All that decides on the last bits of its numbers but its files and the tokens, for those who keep numbers: the kind of
    /// device, the number format, how weights are held, and the instructions that multiply them.
    pub fn arithmetic(&self) -> String {
        let device = self.device_name();
        let kind = device.split(':').next().unwrap_or_default();
        let forms: Vec<&str> = self.decoder.forms().iter().map(|(form, _)| form.name()).collect();
        format!("{kind}, {:?}, {}, {}", self.dtype, forms.join(" and "), packed::instructions())
    }

    /// The device as shown to users: `cpu`, `cuda:0`, `metal`.
    pub fn device_name(&self) -> String {
        device_name(&self.device)
    }
}

/// A device as shown to users: `cpu`, `cuda:0`, `metal`.
pub fn device_name(device: &Device) -> String {
    match device.location() {
        candle_core::DeviceLocation::Cpu => "cpu".to_owned(),
        candle_core::DeviceLocation::Cuda { gpu_id } => format!("cuda:{gpu_id}"),
        candle_core::DeviceLocation::Metal { .. } => "metal".to_owned(),
    }
}

/// Reads a decoder's weights onto a device, for the operations of [`super::ops::cpu`] if `packed`; `go_on` is asked at each
/// tensor.
pub fn load_decoder(
    weights: &Weights,
    device: &Device,
    dtype: DType,
    packed: bool,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Decoder, LoadError> {
    Decoder::load(
        weights.config().clone(),
        &Reader { weights, device, dtype, packed, progress: std::cell::RefCell::new(go_on) },
    )
}

/// The number format that is asked for on a device.
pub fn format_on(device: &Device, dtype: DTypeSpec) -> Result<DType, LoadError> {
    match dtype {
        DTypeSpec::Auto if device.is_cpu() => Ok(DType::F32),
        DTypeSpec::F16 | DTypeSpec::Bf16 if device.is_cpu() => {
            let message = "the CPU computes in f32: say dtype = \"auto\" or \"f32\", or name a GPU as the device";
            Err(LoadError::Device(message.to_owned()))
        }
        DTypeSpec::Auto | DTypeSpec::Bf16 => Ok(DType::BF16),
        DTypeSpec::F32 => Ok(DType::F32),
        DTypeSpec::F16 => Ok(DType::F16),
    }
}

/// Opens a device.
pub fn open(spec: &DeviceSpec) -> Result<Device, LoadError> {
    let cannot = |what: &str, error: candle_core::Error| {
        let error = error.to_string();
        let reason = error.lines().next().unwrap_or_default();
        LoadError::Device(format!(
            "{what} cannot be used ({reason}): build with `--features {what}`, or say device = \"cpu\""
        ))
    };
    let device = match spec {
        DeviceSpec::Cpu => Ok(Device::Cpu),
        DeviceSpec::Cuda(number) => Device::new_cuda(*number).map_err(|error| cannot("cuda", error)),
        DeviceSpec::Metal => Device::new_metal(0).map_err(|error| cannot("metal", error)),
        DeviceSpec::Auto => Ok(Device::new_cuda(0).or_else(|_| Device::new_metal(0)).unwrap_or(Device::Cpu)),
    }?;
    // Without it everything works, more slowly.
    #[cfg(feature = "cuda")]
    if let Err(error) = super::ops::fused::keep_memory(&device) {
        tracing::debug!(%error, "the GPU's memory is given back at each wait");
    }
    Ok(device)
}
