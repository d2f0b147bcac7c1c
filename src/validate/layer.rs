//! What an engine's layer launches before its main kernel, where a source timed whole layers
//! (TensorRT-LLM).

use crate::kernel::Device;
use crate::model::{Attention, Operator, Shape, element_bytes};
use crate::spec::{GpuSpec, Precision};

/// Blocks of threads that look for the largest number of a tensor, and the threads of each
/// (TensorRT-LLM, cpp/tensorrt_llm/common/cudaFp8Utils.cu).
const BLOCKS: f64 = 1024.0;
const THREADS: u64 = 1024;

/// Trips to memory for that one number beside those that raise it: a block reads it before it
/// raises it, the cast reads it, and it is read again and widened to 32 bits.
const SCALE_TRIPS: f64 = 3.0;

/// The kernels before a layer's main one; `paged`: prompts go through the paged cache.
pub(super) fn before(main: &Operator, paged: bool, gpu: &GpuSpec) -> Vec<Operator> {
    match main.shape {
        Shape::Gemm { m, k, .. } => narrowed(m as f64 * k as f64, main.precision, gpu),
        // A decoder's kernel does all of it itself.
        Shape::Attention(a) if a.query > 1 => prepared(&a, main.precision, paged),
        _ => Vec::new(),
    }
}

/// What brings so many activations from 16 bits to the format of a product.
fn narrowed(numbers: f64, format: Precision, gpu: &GpuSpec) -> Vec<Operator> {
    let narrow = numbers * element_bytes(format);
    let cast = stream("cast", 2.0 * numbers, narrow, format);
    match format {
        // Where a wider format stands in, only the weights are narrow.
        _ if Device::of_gpu(gpu).runs_as(format) != Ok(format) => Vec::new(),
        Precision::Fp8 => [find_scale(numbers), vec![cast]].concat(),
        // Its scale is known beforehand.
        Precision::Fp4 => vec![cast],
        _ => Vec::new(),
    }
}

/// What finds the scale of a tensor of so many numbers in 16 bits: its largest number over the
/// largest of FP8. Blocks of threads look for theirs, and each raises the common one by
/// compare-and-swap until none is larger: in a random order as often as there are records, the
/// harmonic number of the blocks (Rényi, 1962).
fn find_scale(numbers: f64) -> Vec<Operator> {
    let blocks = (numbers / THREADS as f64).ceil().clamp(1.0, BLOCKS) as u64;
    let records: f64 = (1..=blocks).map(|block| 1.0 / block as f64).sum();
    let plain = |name, rows, trips: f64, bytes| Operator {
        name,
        shape: Shape::Rows {
            rows,
            width: (THREADS as f64 * trips) as u64,
            bytes,
            flops: 0.0,
        },
        precision: Precision::Fp8,
    };
    vec![
        plain("clear", 1, 0.0, 4.0),
        plain("largest", blocks, 1.0, 2.0 * numbers),
        plain("scale", 1, SCALE_TRIPS + records, 8.0),
    ]
}

/// What prepares a prompt's attention: lists of where its sequences begin, then queries and keys
/// are rotated and the cache is written.
fn prepared(attention: &Attention, precision: Precision, paged: bool) -> Vec<Operator> {
    let small = |name| stream(name, 4.0, 4.0, precision);
    // How many: fitted on the shortest prompts of the calibration set, 15 us on the L40S, and where
    // the cache is paged 16 us on the H100, 17 us on the GB200.
    let mut all = vec![
        small("lengths"),
        small("offsets"),
        small("counter of tiles"),
    ];
    if paged {
        all.push(small("pages"));
    }
    all.push(rotated(attention, precision, paged));
    all
}

/// The rotation of queries and keys, which writes the cache.
fn rotated(a: &Attention, precision: Precision, paged: bool) -> Operator {
    let vectors = (a.batch * a.query * a.key_dim) as f64;
    let queries = vectors * a.heads as f64 * element_bytes(precision);
    let keys = 2.0 * vectors * a.kv_heads as f64;
    let read = queries + keys * element_bytes(precision);
    let written = queries + keys * element_bytes(a.kv_precision);
    let name = "rotate and write the cache";
    if !paged {
        return stream(name, read, written, precision);
    }
    // Through the paged cache: one block of threads for each head of a token, the width of the head
    // across. Without it (Ada) eight prompts of 128 tokens leave no time for that.
    Operator {
        name,
        shape: Shape::Rows {
            rows: a.batch * a.query * (a.heads + a.kv_heads),
            width: a.key_dim,
            bytes: read + written,
            flops: 0.0,
        },
        precision,
    }
}

fn stream(name: &'static str, read: f64, written: f64, precision: Precision) -> Operator {
    Operator {
        name,
        shape: Shape::Stream {
            read,
            written,
            flops: 0.0,
        },
        precision,
    }
}
