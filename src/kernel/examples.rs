//! The device of this module's tests.

use crate::spec::{CpuSpec, Figure, GpuSpec, Source, parse};

const A100: &str = "
kind: gpu
name: a100-sxm-80gb
title: A100
vendor: NVIDIA
year: 2020
architecture: ampere
compute:
  units: {value: 108, source: t}
  clock: {value: 1410 MHz, source: t}
  peak:
    fp32: {value: 19.5 TFLOP/s, source: t}
    fp16: {value: 312 TFLOP/s, source: t}
    bf16: {value: 312 TFLOP/s, source: t}
  achievable: {value: 0.87, source: t}
  attention: {value: 0.8, source: t}
memory:
  size: {value: 80 GiB, source: t}
  bandwidth: {value: 2039 GB/s, source: t}
  achievable: {value: 0.9, source: t}
  l2: {value: 40 MiB, source: t}
launch: {value: 2.5 us, source: t}
p2p_over_pcie: {value: true, source: t}
";

const CPU: &str = "
kind: cpu
name: xeon-8480-plus
title: Xeon
vendor: Intel
year: 2023
architecture: sapphire-rapids
cores: {value: 56, source: t}
clock: {value: 2000 MHz, source: t}
fp32: {value: 7.17 TFLOP/s, source: t}
bf16: {value: 114.7 TFLOP/s, source: t}
achievable: {value: 0.75, source: t}
array: {value: 16, source: t}
memory:
  size: {value: 1024 GiB, source: t}
  bandwidth: {value: 307.2 GB/s, source: t}
  achievable: {value: 0.8, source: t}
  l2: {value: 105 MiB, source: t}
host_slowdown: {value: 1.0, source: t}
";

/// A socket of a Xeon with AMX.
pub fn cpu() -> CpuSpec {
    parse(&Source::new("xeon.yaml", CPU)).expect("valid")
}

/// An A100 SXM 80 GB.
pub fn a100() -> GpuSpec {
    parse(&Source::new("a100.yaml", A100)).expect("valid")
}

/// An A100 that also multiplies FP8, twice as fast as 16 bits.
pub fn with_fp8() -> GpuSpec {
    let mut gpu = a100();
    let mut twice = gpu.compute.peak.bf16.clone().expect("given");
    twice.value.0 *= 2.0;
    gpu.compute.peak.fp8 = Some(twice);
    gpu
}

/// A figure of a test.
pub fn figure<T>(value: T) -> Figure<T> {
    Figure {
        value,
        source: "t".into(),
        note: None,
        estimate: false,
    }
}
