//! Single operators on one device: GEMM, attention, elementwise kernels, memory streams.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Row, Subject};
use crate::catalog::Catalog;
use crate::kernel::{cost, vram_bandwidth};
use crate::model::{Operator, Shape, element_bytes};
use crate::report::draw::Measure;
use crate::spec::{Diagnostic, GpuSpec, Kind, Precision};

/// Number formats as the sources write them, by what the cell begins with.
const FORMATS: [(&str, Precision); 13] = [
    ("bf", Precision::Bf16),
    ("fp16", Precision::Fp16),
    ("fp32", Precision::Fp32),
    ("fp64", Precision::Fp64),
    ("tf32", Precision::Tf32),
    ("fp8", Precision::Fp8),
    ("int8", Precision::Int8),
    ("nvfp4", Precision::Fp4),
    ("fp4", Precision::Fp4),
    // SmoothQuant: both operands in INT8.
    ("sq", Precision::Int8),
    // DeepBench.
    ("Float", Precision::Fp32),
    ("16 bit inputs", Precision::Fp16),
    ("GEMM, Conv: Int8", Precision::Int8),
];

/// Bytes of a stream that no cache holds \[B\].
const LONG_STREAM: f64 = 4e9;

/// Operations from which a GEMM counts as large \[FLOP\].
const LARGE: f64 = 1e9;

/// Kernels on the catalogue's devices.
#[derive(Debug)]
pub struct Kernels {
    devices: BTreeMap<String, Arc<GpuSpec>>,
}

impl Kernels {
    /// All devices by name and alias.
    ///
    /// # Errors
    /// A file of the catalogue cannot be read.
    pub fn new(catalog: &Catalog) -> Result<Self, Diagnostic> {
        let mut devices = BTreeMap::new();
        for name in catalog.names(Kind::Gpu) {
            let gpu = catalog.get::<GpuSpec>(name)?;
            for alias in gpu.aliases.iter().chain([&gpu.name, &gpu.title]) {
                devices.insert(alias.to_lowercase(), Arc::clone(&gpu));
            }
        }
        Ok(Self { devices })
    }

    fn device(&self, row: &Row<'_>) -> Result<&GpuSpec, String> {
        let name = row.text("gpu");
        self.devices
            .get(&name.to_lowercase())
            .map(AsRef::as_ref)
            .ok_or_else(|| format!("unknown device: {name}"))
    }
}

impl Subject for Kernels {
    fn key(&self) -> &'static str {
        "kernels"
    }

    fn needed(&self) -> &'static [&'static str] {
        &[
            "id", "gpu", "op", "m", "n", "k", "batch", "seq", "heads", "kv_heads", "head_dim",
            "dtype", "time_us",
        ]
    }

    fn quantity(&self, class: &str) -> (&'static str, Measure, f64) {
        match class {
            "stream" => ("bandwidth", Measure::BytesPerSecond, 1e9),
            _ => ("time", Measure::Seconds, 1e-6),
        }
    }

    fn measured(&self, row: &Row<'_>) -> Result<f64, String> {
        let column = if row.text("op").starts_with("stream") {
            "gbps"
        } else {
            "time_us"
        };
        row.number(column).ok_or_else(|| format!("no `{column}`"))
    }

    fn predict(&self, row: &Row<'_>) -> Result<f64, String> {
        let op = operator(row)?;
        let gpu = self.device(row)?;
        let cost = cost(&op, gpu).map_err(|e| format!("unsupported: {e}"))?;
        let seconds = cost.launch_s + cost.alone_s(vram_bandwidth(gpu));
        Ok(match op.shape {
            Shape::Stream { read, written, .. } if row.text("op").starts_with("stream") => {
                (read + written) / seconds / 1e9
            }
            _ => seconds * 1e6,
        })
    }

    fn class(&self, row: &Row<'_>) -> &'static str {
        let op = row.text("op");
        match op.split([':', '_']).next() {
            Some("gemm") => match operator(row) {
                Ok(op) if op.flops() < LARGE => "gemm below 1 GFLOP",
                _ => "gemm from 1 GFLOP",
            },
            Some("attention") if op.ends_with("decode") => "attention decode",
            Some("attention") => "attention prefill",
            Some("elementwise") => "elementwise",
            Some("stream") => "stream",
            _ => "all-reduce",
        }
    }

    fn alike(&self, row: &Row<'_>) -> Option<String> {
        let columns = [
            "op", "m", "n", "k", "batch", "seq", "heads", "kv_heads", "head_dim", "dtype",
        ];
        Some(columns.map(|column| row.text(column)).join(","))
    }
}

/// The operator of a row.
fn operator(row: &Row<'_>) -> Result<Operator, String> {
    let op = row.text("op");
    let (family, detail) = op.split_once(':').unwrap_or((op, ""));
    let precision = format(row.text("dtype"))?;
    let (name, shape) = match family {
        "gemm" => ("gemm", gemm(row)?),
        "attention_prefill" => ("attention", attention(row, prompt(row)?)?),
        "attention_decode" => ("attention", attention(row, (1, row.count("seq")?))?),
        "elementwise" => ("elementwise", elementwise(row, detail, precision)?),
        "stream" => ("stream", stream(detail)?),
        _ => return Err(format!("unsupported: operator `{op}`")),
    };
    Ok(Operator {
        name,
        shape,
        precision,
    })
}

/// A number format; where it names that of the KV cache too, the first.
fn format(text: &str) -> Result<Precision, String> {
    FORMATS
        .iter()
        .find(|(prefix, _)| text.starts_with(prefix))
        .map(|(_, precision)| *precision)
        .ok_or_else(|| format!("unsupported: number format `{text}`"))
}

fn gemm(row: &Row<'_>) -> Result<Shape, String> {
    let batch = if row.text("batch").is_empty() {
        1
    } else {
        row.count("batch")?
    };
    Ok(Shape::Gemm {
        m: row.count("m")?,
        n: row.count("n")?,
        k: row.count("k")?,
        batch,
    })
}

/// New tokens and context of a prompt: `m` new ones behind `seq` known ones, or all of `seq`.
fn prompt(row: &Row<'_>) -> Result<(u64, u64), String> {
    if row.text("m").is_empty() {
        let tokens = row.count("seq")?;
        return Ok((tokens, tokens));
    }
    let new = row.count("m")?;
    Ok((new, new + row.count("seq").unwrap_or(0)))
}

fn attention(row: &Row<'_>, (query, context): (u64, u64)) -> Result<Shape, String> {
    let dtype = row.text("dtype");
    let kv = dtype.split_once("/kv ").map_or(dtype, |(_, kv)| kv);
    Ok(Shape::Attention {
        batch: row.count("batch")?,
        query,
        context,
        heads: row.count("heads")?,
        kv_heads: row.count("kv_heads")?,
        head_dim: row.count("head_dim")?,
        causal: true,
        fused: true,
        backward: false,
        kv_precision: format(kv)?,
    })
}

/// Elements read, elements written and operations of one output element.
fn elementwise(row: &Row<'_>, detail: &str, precision: Precision) -> Result<Shape, String> {
    let (read, written, flops) = match detail {
        "add" => (2.0, 1.0, 1.0),
        "input_layernorm" => (1.0, 1.0, 4.0),
        // Gate and up side by side.
        "mlp_act" => (2.0, 1.0, 9.0),
        _ => return Err(format!("unsupported: elementwise `{detail}`")),
    };
    let elements = row.count("m")? as f64 * row.count("n")? as f64;
    let width = element_bytes(precision);
    Ok(Shape::Stream {
        read: read * elements * width,
        written: written * elements * width,
        flops: flops * elements,
    })
}

/// Shares read and written of a stream that no cache holds.
fn stream(detail: &str) -> Result<Shape, String> {
    let (read, written) = match detail {
        "init" => (0.0, 1.0),
        "read" => (1.0, 0.0),
        "scale" => (0.5, 0.5),
        "triad" => (2.0 / 3.0, 1.0 / 3.0),
        _ => return Err(format!("unsupported: stream `{detail}`")),
    };
    Ok(Shape::Stream {
        read: read * LONG_STREAM,
        written: written * LONG_STREAM,
        flops: 0.0,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Measurements, validate};
    use super::*;

    const TEXT: &str = "\
id,split,gpu,op,m,n,k,batch,seq,heads,kv_heads,head_dim,dtype,time_us,gbps,source
a,calibration,A100 SXM 80GB,gemm:up,4096,4096,4096,,,,,,fp16,560,,s
b,calibration,A100 SXM 80GB,attention_decode,,,,8,2048,32,8,128,bfloat16/kv bfloat16,60,,s
c,calibration,A100 SXM 80GB,elementwise:add,4096,4096,,,,,,,fp16,60,,s
d,calibration,A100 SXM 80GB,stream:triad,,,,,,,,,fp64,,1759,s
e,calibration,Abacus,gemm,1,1,1,,,,,,fp16,560,,s
f,calibration,A100 SXM 80GB,fft,1,1,1,,,,,,fp16,560,,s
";

    #[test]
    fn rows_become_operators_and_the_rest_says_why_not() {
        let catalog = Catalog::shipped().expect("shipped");
        let file = Measurements::parse("t.csv", TEXT).expect("a table");
        let kernels = Kernels::new(&catalog).expect("devices");
        let record = validate(&kernels, &file, Some("calibration")).expect("scored");
        assert_eq!((record.summary.n, record.summary.ran), (6, 4));
        let near = |row: usize| record.rows[row].error.expect("ran").abs() < 0.5;
        assert!((0..4).all(near), "{:?}", record.rows);
        assert_eq!(record.rows[4].status, "unknown device: Abacus");
        assert_eq!(record.rows[5].status, "unsupported: operator `fft`");
        assert_eq!(record.classes["stream"].n, 1);
    }
}
