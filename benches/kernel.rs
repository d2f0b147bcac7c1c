//! One prediction of each kind of kernel, and a sweep of many shapes on many devices.
#![allow(missing_docs, clippy::unwrap_used)]

use divan::{Bencher, black_box};
use narrows::catalog::Catalog;
use narrows::kernel::{Device, Prediction, cost_on};
use narrows::model::{Dims, Named, Operator, Shape};
use narrows::spec::{GpuSpec, Kind, Precision};
use std::sync::Arc;

fn main() {
    divan::main();
}

fn gemm(m: u64, n: u64, k: u64) -> Operator {
    Operator {
        name: "gemm",
        shape: Shape::Gemm { m, n, k, batch: 1 },
        precision: Precision::Fp16,
    }
}

/// Aim: at most 1 us.
#[divan::bench(args = [[1, 8192, 8192], [128, 4096, 4096], [8192, 8192, 8192]])]
fn one_gemm(bencher: Bencher<'_, '_>, [m, n, k]: [u64; 3]) {
    let catalog = Catalog::shipped().unwrap();
    let gpu = catalog.get::<GpuSpec>("h100-sxm-80gb").unwrap();
    let device = Device::of_gpu(&gpu);
    bencher.bench_local(|| cost_on(&gemm(black_box(m), n, k), &device).unwrap());
}

/// A prompt, a decoder's step and a kernel of rows. Aim: at most 1 us.
#[divan::bench(args = ["attention", "decode", "rms-norm-plain"])]
fn one_other(bencher: Bencher<'_, '_>, name: &str) {
    let catalog = Catalog::shipped().unwrap();
    let gpu = catalog.get::<GpuSpec>("h100-sxm-80gb").unwrap();
    let device = Device::of_gpu(&gpu);
    let operators = Named::of(name)
        .unwrap()
        .operators(&Dims::default(), Precision::Fp16);
    bencher.bench_local(|| Prediction::of(black_box(&operators), &device).unwrap());
}

/// Aim: 10,000 shapes on 20 devices in under half a second.
#[divan::bench(sample_count = 10)]
fn sweep(bencher: Bencher<'_, '_>) {
    let catalog = Catalog::shipped().unwrap();
    let gpus: Vec<Arc<GpuSpec>> = catalog
        .names(Kind::Gpu)
        .into_iter()
        .map(|name| catalog.get::<GpuSpec>(name).unwrap())
        .filter(|gpu| gpu.compute.peak.fp16.is_some())
        .take(20)
        .collect();
    let devices: Vec<Device<'_>> = gpus.iter().map(|gpu| Device::of_gpu(gpu)).collect();
    bencher.bench_local(|| {
        let mut total = 0.0;
        for device in &devices {
            for shape in 0..10_000u64 {
                let op = gemm(1 + shape % 100 * 80, 64 + shape / 100 * 80, 4096);
                total += cost_on(&op, device).unwrap().total_s(device);
            }
        }
        total
    });
}
