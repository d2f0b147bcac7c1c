//! From a row of a kernel file to the operators that its source timed.

use super::{Row, layer};
use crate::kernel::{FORMATS, format_name};
use crate::model::{Attention, Operator, Shape, element_bytes};
use crate::spec::{CampaignSpec, GpuSpec, Precision, begins_with};

/// What number formats are called beside their names; what only one source says is in its campaign.
const SYNONYMS: [(&str, Precision); 4] = [
    ("bfloat16", Precision::Bf16),
    ("float16", Precision::Fp16),
    ("float32", Precision::Fp32),
    ("nvfp4", Precision::Fp4),
];

/// Bytes of a stream that no cache holds \[B\].
const LONG_STREAM: f64 = 4e9;

/// Largest product of all sizes: arithmetic on tiles is exact below it.
const MOST_TOGETHER: f64 = (1u64 << 60) as f64;

/// All operators that a row's time encloses on a device, as its campaign timed them.
pub(super) fn operators(
    row: &Row<'_>,
    campaign: Option<&CampaignSpec>,
    gpu: &GpuSpec,
) -> Result<Vec<Operator>, String> {
    let mut main = timed(row, campaign)?;
    if sizes(&main.shape) > MOST_TOGETHER {
        return Err("unsupported: too large".into());
    }
    let paged = campaign.is_some_and(|campaign| campaign.pages_prompts(&gpu.architecture));
    let mut all = if campaign.is_some_and(CampaignSpec::times_layers) {
        layer::before(&main, paged, gpu)
    } else {
        Vec::new()
    };
    if paged && is_prompt_on_fp8_cache(&main.shape) {
        main.precision = Precision::Fp8;
    }
    all.push(main);
    Ok(all)
}

/// All sizes of a product or of attention, multiplied.
fn sizes(shape: &Shape) -> f64 {
    let all = match *shape {
        Shape::Gemm { m, n, k, batch } => vec![m, n, k, batch],
        Shape::Attention(a) => vec![a.batch, a.query, a.context, a.heads, a.key_dim],
        Shape::Rows { rows, width, .. } => vec![rows, width],
        _ => Vec::new(),
    };
    all.into_iter().map(|size| size as f64).product()
}

/// Whether an operator is a prompt's attention whose keys and values are kept in FP8.
fn is_prompt_on_fp8_cache(shape: &Shape) -> bool {
    matches!(shape, Shape::Attention(a) if a.query > 1 && a.kv_precision == Precision::Fp8)
}

/// The operator that a row is named after, as its campaign ran it.
pub(super) fn timed(row: &Row<'_>, campaign: Option<&CampaignSpec>) -> Result<Operator, String> {
    let op = row.text("op");
    let (family, detail) = op.split_once(':').unwrap_or((op, ""));
    let format = |text: &str| format(text, campaign);
    let precision = format(row.text("dtype"))?;
    let plain = campaign.is_some_and(CampaignSpec::has_plain_rows);
    let (name, shape) = match family {
        "gemm" => ("gemm", gemm(row)?),
        "attention_prefill" => ("attention", attention(row, prompt(row)?, format)?),
        "attention_decode" => ("attention", attention(row, (1, row.count("seq")?), format)?),
        "elementwise" => ("elementwise", elementwise(row, detail, precision, plain)?),
        "stream" => ("stream", stream(detail)?),
        _ => return Err(format!("unsupported: operator `{op}`")),
    };
    Ok(Operator {
        name,
        shape,
        precision,
    })
}

/// A number format, in its campaign's words or by its name; where a text names that of the KV cache
/// too, the first.
fn format(text: &str, campaign: Option<&CampaignSpec>) -> Result<Precision, String> {
    let names = FORMATS.map(|format| (format_name(format), format));
    let mut usual = names.into_iter().chain(SYNONYMS);
    campaign
        .and_then(|campaign| campaign.format(text))
        .or_else(|| {
            usual
                .find(|(name, _)| begins_with(text, name))
                .map(|(_, format)| format)
        })
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
    let known = match row.text("seq") {
        "" | "0" => 0,
        _ => row.count("seq")?,
    };
    let new = row.count("m")?;
    Ok((new, new + known))
}

fn attention(
    row: &Row<'_>,
    (query, context): (u64, u64),
    format: impl Fn(&str) -> Result<Precision, String>,
) -> Result<Shape, String> {
    let dtype = row.text("dtype");
    let kv = dtype.split_once("/kv ").map_or(dtype, |(_, kv)| kv);
    let (heads, kv_heads) = (row.count("heads")?, row.count("kv_heads")?);
    if !heads.is_multiple_of(kv_heads) {
        return Err(format!(
            "unsupported: {kv_heads} key/value heads for {heads}"
        ));
    }
    let tokens = [row.count("batch")?, query, context];
    let heads = [heads, kv_heads, row.count("head_dim")?];
    Ok(Shape::Attention(Attention::causal(
        tokens,
        heads,
        format(kv)?,
    )))
}

/// Elements read, elements written and operations of one output element; `plain`: norms and
/// activations take an element a thread at a time.
fn elementwise(
    row: &Row<'_>,
    detail: &str,
    precision: Precision,
    plain: bool,
) -> Result<Shape, String> {
    let (read, written, flops) = match detail {
        "add" => (2.0, 1.0, 1.0),
        "input_layernorm" => (1.0, 1.0, 4.0),
        // Gate and up side by side.
        "mlp_act" => (2.0, 1.0, 9.0),
        _ => return Err(format!("unsupported: elementwise `{detail}`")),
    };
    let (rows, columns) = (row.count("m")?, row.count("n")?);
    let elements = rows as f64 * columns as f64;
    let width = element_bytes(precision);
    if plain && detail != "add" {
        return Ok(Shape::Rows {
            rows,
            width: columns,
            bytes: (read + written) * elements * width,
            flops: flops * elements,
        });
    }
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
