//! Kernels of our own for CUDA, compiled by NVRTC when they are first run.
//!
//! The softmax of attention reads the scores of prefix and row where the products left them and writes the weights once;
//! made of tensor operations it would copy them five times.

// Launching a kernel is unsafe: nothing but this file's care ties its arguments to what it reads and writes.
#![allow(unsafe_code)]

use std::sync::OnceLock;

use candle_core::cuda_backend::cudarc::driver::result::{device, mem_pool};
use candle_core::cuda_backend::cudarc::driver::sys::CUmemPool_attribute;
use candle_core::cuda_backend::cudarc::driver::{CudaSlice, DeviceRepr, LaunchConfig, PushKernelArg};
use candle_core::cuda_backend::cudarc::nvrtc;
use candle_core::cuda_backend::{CudaStorageSlice, WrapErr};
use candle_core::{
    CpuStorage, CudaDevice, CudaStorage, CustomOp3, D, Layout, Result, Shape, Tensor, WithDType,
    backend::BackendStorage, bail,
};

/// Bytes of freed memory that a GPU keeps for the program.
const KEPT_MEMORY: u64 = 8 << 30;

/// Has a GPU keep memory that was freed for what comes next: by default all of it goes back at each wait for a result, and is
/// had again, slowly, for the next batch.
pub fn keep_memory(device: &candle_core::Device) -> Result<()> {
    let candle_core::Device::Cuda(device) = device else { return Ok(()) };
    let context = device.cuda_stream().context().clone();
    let mut bytes = KEPT_MEMORY;
    let value = std::ptr::from_mut(&mut bytes).cast();
    // SAFETY: the device is one that the driver gave, its default pool lives as long as the driver, and this attribute is a
    // number of 64 bits.
    unsafe {
        let pool = device::get_default_mem_pool(context.cu_device()).w()?;
        mem_pool::set_attribute(pool, CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, value).w()
    }
}

/// Lists of scores that a block works on, one a warp.
const WARPS: usize = 8;

fn code() -> Result<&'static str> {
    static CODE: OnceLock<std::result::Result<String, String>> = OnceLock::new();
    let compiled = CODE.get_or_init(|| {
        let ptx = nvrtc::compile_ptx(include_str!("fused.cu"));
        ptx.map(|ptx| ptx.to_src()).map_err(|error| format!("{error:?}"))
    });
    match compiled {
        Ok(code) => Ok(code),
        Err(error) => bail!("the attention kernel cannot be compiled: {error}"),
    }
}

/// The sizes of one call.
struct Soft {
    lists: usize,
    tokens: usize,
    before: usize,
    columns: usize,
    queries: usize,
    repeat: usize,
    rows: usize,
    scale: f32,
}

impl Soft {
    fn run<T: DeviceRepr + WithDType>(
        &self,
        device: &CudaDevice,
        name: &str,
        [(prefix, prefix_layout), (own, own_layout)]: [(&CudaSlice<T>, &Layout); 2],
        (mask, mask_layout): (&CudaSlice<f32>, &Layout),
    ) -> Result<CudaSlice<T>> {
        let spans = [prefix_layout, own_layout, mask_layout].map(Layout::contiguous_offsets);
        let [Some(of_prefix), Some(of_own), Some(of_mask)] = spans else { bail!("scores that are not contiguous") };
        let prefix = prefix.slice(of_prefix.0..of_prefix.1);
        let own = own.slice(of_own.0..of_own.1);
        let mask = mask.slice(of_mask.0..of_mask.1);
        // SAFETY: the kernel writes every element: each list its own `before` and `columns`.
        let out = unsafe { device.alloc::<T>(self.lists * (self.before + self.columns))? };
        let function = device.get_or_load_custom_func(name, "shotglass_fused", code()?)?;
        let (lists, blocks) = (self.lists as i64, self.lists.div_ceil(WARPS) as u32);
        let sizes =
            [self.tokens, self.before, self.columns, self.queries, self.repeat, self.rows].map(|size| size as i32);
        let mut builder = function.builder();
        builder.arg(&prefix).arg(&own).arg(&mask).arg(&out).arg(&lists);
        for size in &sizes {
            builder.arg(size);
        }
        builder.arg(&self.scale);
        let config =
            LaunchConfig { grid_dim: (blocks, 1, 1), block_dim: (32 * WARPS as u32, 1, 1), shared_mem_bytes: 0 };
        // SAFETY: `soft` checked that prefix and own have `lists` rows of `before` and `columns` scores, and that the mask
        // has `rows · queries` rows of `columns`; the kernel reads and writes inside of them.
        unsafe { builder.launch(config) }.w()?;
        Ok(out)
    }
}

impl CustomOp3 for Soft {
    fn name(&self) -> &'static str {
        "joint-softmax"
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        bail!("the joint softmax is CUDA's")
    }

    fn cuda_fwd(
        &self,
        prefix: &CudaStorage,
        prefix_layout: &Layout,
        own: &CudaStorage,
        own_layout: &Layout,
        mask: &CudaStorage,
        mask_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        use CudaStorageSlice::{BF16, F16, F32};
        let device = own.device();
        let F32(mask) = &mask.slice else { bail!("a mask that is not f32") };
        let mask = (mask, mask_layout);
        let slice = match (&prefix.slice, &own.slice) {
            (BF16(a), BF16(b)) => BF16(self.run(device, "soft_bf16", [(a, prefix_layout), (b, own_layout)], mask)?),
            (F16(a), F16(b)) => F16(self.run(device, "soft_f16", [(a, prefix_layout), (b, own_layout)], mask)?),
            (F32(a), F32(b)) => F32(self.run(device, "soft_f32", [(a, prefix_layout), (b, own_layout)], mask)?),
            _ => bail!("scores in {:?}", own.dtype()),
        };
        let shape = Shape::from(self.lists * (self.before + self.columns));
        Ok((CudaStorage { slice, device: device.clone() }, shape))
    }
}

/// Weights of attention, as [`super::device`] defines them.
pub fn soft(
    prefix: Option<(Tensor, usize)>,
    own: &Tensor,
    mask: &Tensor,
    repeat: usize,
    scale: f32,
) -> Result<(Option<Tensor>, Tensor)> {
    let (rows, queries, columns) = mask.dims3()?;
    let lists = own.elem_count() / columns.max(1);
    let (prefix, tokens) = prefix.unzip();
    let tokens = tokens.unwrap_or(0);
    let before = prefix.as_ref().map_or(Ok(0), |prefix| prefix.dim(D::Minus1))?;
    let sizes = [before, columns, queries, repeat, rows];
    if lists == 0
        || own.dim(D::Minus1)? != columns
        || tokens > before
        || lists % (rows * queries * repeat) != 0
        || prefix.as_ref().is_some_and(|prefix| prefix.elem_count() != lists * before)
        || sizes.iter().any(|&size| i32::try_from(size).is_err())
        || u32::try_from(lists.div_ceil(WARPS)).is_err()
    {
        bail!("scores {:?} and mask {:?} do not fit together", own.shape(), mask.shape());
    }
    let op = Soft { lists, tokens, before, columns, queries, repeat, rows, scale };
    // Without a prefix the kernel reads none: any tensor stands in for it.
    let out = prefix.as_ref().unwrap_or(own).apply_op3_no_bwd(own, mask, &op)?;
    let own_weights = out.narrow(0, lists * before, lists * columns)?.reshape(own.shape())?;
    let prefix_weights = prefix.map(|prefix| out.narrow(0, 0, lists * before)?.reshape(prefix.shape())).transpose()?;
    Ok((prefix_weights, own_weights))
}
