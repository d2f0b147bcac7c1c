//! `narrows kernel OPERATOR --on DEVICE`

use std::path::{Path, PathBuf};

use super::{Answer, Context, Format, compare, output};
use crate::catalog::AnyDevice;
use crate::kernel::{Device, Mechanism};
use crate::model::{Dims, NAMED_OPERATORS, Named};
use crate::report::kernel::{KernelRecord, record, roofline_chart, sweep_chart, text};
use crate::report::tables::table;
use crate::report::{csv, files};
use crate::spec::{AccuracySpec, Diagnostic, Precision};

/// Largest single size; beyond it a shape is a slip of the pen.
const MOST: u64 = 1 << 32;

/// Largest product of all sizes of an operator: u64 arithmetic on tiles stays exact below it.
const MOST_TOGETHER: u64 = 1 << 60;

/// The catalogue's record of how far predictions of unmeasured devices are off.
const UNSEEN: &str = "unseen-kernels";

/// Most shapes of one call.
const MOST_SHAPES: usize = 1 << 20;

/// Predict one operator on devices: its time, and what decides it.
///
/// A size is a number, a list (`1,2,4`), or a range with its step (`1..8192*2`, `64..512+64`).
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Operator; `narrows kernel list` names them all.
    operator: String,
    /// Device, as the catalogue or its maker calls it; give it again for several.
    #[arg(long = "on", value_name = "DEVICE")]
    devices: Vec<String>,
    /// Number format: fp64, fp32, tf32, fp16, bf16, fp8, int8 or fp4.
    #[arg(long, default_value = "bf16")]
    dtype: String,
    /// Rows, tokens, or elements.
    #[arg(short, value_parser = sizes)]
    m: Option<Sizes>,
    /// Columns, width, vocabulary.
    #[arg(short, value_parser = sizes)]
    n: Option<Sizes>,
    /// Inner size of a product.
    #[arg(short, value_parser = sizes)]
    k: Option<Sizes>,
    /// Independent products, sequences, images, experts.
    #[arg(long, value_parser = sizes)]
    batch: Option<Sizes>,
    /// New tokens of a sequence.
    #[arg(long, value_parser = sizes)]
    query: Option<Sizes>,
    /// Tokens attended to.
    #[arg(long, value_parser = sizes)]
    context: Option<Sizes>,
    /// Query heads.
    #[arg(long, value_parser = sizes)]
    heads: Option<Sizes>,
    /// Key/value heads.
    #[arg(long, value_parser = sizes)]
    kv_heads: Option<Sizes>,
    /// Width of a head.
    #[arg(long, value_parser = sizes)]
    head_dim: Option<Sizes>,
    /// Bits of one weight at rest.
    #[arg(long, value_parser = sizes)]
    weight_bits: Option<Sizes>,
    /// Weights that share a scale.
    #[arg(long, value_parser = sizes)]
    group: Option<Sizes>,
    /// Side of a square image.
    #[arg(long, value_parser = sizes)]
    image: Option<Sizes>,
    /// Side of a square filter.
    #[arg(long, value_parser = sizes)]
    filter: Option<Sizes>,
    /// Most tokens that one sees.
    #[arg(long, value_parser = sizes)]
    window: Option<Sizes>,
    /// Tokens of a page of the cache.
    #[arg(long, value_parser = sizes)]
    page: Option<Sizes>,
    /// Width of the latent vector of multi-head latent attention.
    #[arg(long, value_parser = sizes)]
    latent: Option<Sizes>,
    /// Width of the rotated part of its keys.
    #[arg(long, value_parser = sizes)]
    rotary: Option<Sizes>,
    /// Predict it also without a mechanism of the model: achievable, power, launch, ramp, cache,
    /// waves, reuse, fill, split, tiles, little, collisions or softmax.
    #[arg(long, value_name = "MECHANISM")]
    without: Vec<String>,
    /// Predict products also with an operand of nothing but zeros, which switches no multiplier, so
    /// that power does not limit the clock.
    #[arg(long)]
    zeros: bool,
    /// Draw the devices' rooflines with the operators on them (needs -o).
    #[arg(long, requires = "output")]
    roofline: bool,
    /// Write charts, JSON and CSV into this folder.
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
}

/// The values of one size.
type Sizes = std::sync::Arc<[u64]>;

/// Where a size stands among all.
type Field = fn(&mut Dims) -> &mut u64;

/// The sizes of one shape, by name.
type SizesOf = Vec<(&'static str, u64)>;

/// One shape: its sizes, and what they make.
type ShapeOf = (SizesOf, Dims);

pub fn run(context: &Context, args: &Args) -> Result<Answer, Diagnostic> {
    if args.operator == "list" {
        output::result(&list(context.format)?)?;
        return Ok(Answer::Done);
    }
    let named = Named::of(&args.operator).ok_or_else(|| {
        let valid = NAMED_OPERATORS.iter().map(|named| named.name);
        Diagnostic::new(format!("unknown operator `{}`", args.operator))
            .suggest(&args.operator, valid)
            .help("`narrows kernel list` names all operators and their sizes")
    })?;
    if args.devices.is_empty() {
        return Err(Diagnostic::new("no device to predict it on")
            .help("name one or more with `--on`, for example `--on h100-sxm-80gb`"));
    }
    let precision = precision(&args.dtype)?;
    let shapes = shapes(args, named)?;
    let known: Vec<AnyDevice> = args
        .devices
        .iter()
        .map(|name| context.catalog.device(&context.catalog.called(name)?))
        .collect::<Result<_, _>>()?;
    let whole: Vec<Device<'_>> = known.iter().map(device).collect::<Result<_, _>>()?;
    let missing = args.without.iter().map(|name| mechanism(name));
    let missing: Vec<Mechanism> = missing.collect::<Result<_, _>>()?;
    let devices = variants(&whole, args.zeros, &missing);
    let unseen = context.catalog.get::<AccuracySpec>(UNSEEN)?;
    if let Some(folder) = &args.output {
        files::prepare(folder)?;
    }
    let mut records = Vec::new();
    for device in &devices {
        for (sizes, dims) in &shapes {
            let operators = named.operators(dims, precision);
            let one = record(&operators, sizes, precision, device);
            records.push(one.map_err(|e| Diagnostic::new(e.to_string()))?);
        }
    }
    if let Some(folder) = &args.output {
        write(folder, args, &records, &devices, precision)?;
    }
    output::result(&match context.format {
        Format::Json => output::json(&records)?,
        Format::Csv => csv::kernels(&records),
        Format::Text => format!("{}{}", text(&records), notes(&known, &records, &unseen)),
    })?;
    Ok(Answer::Done)
}

/// A mechanism of the model by name.
pub(super) fn mechanism(name: &str) -> Result<Mechanism, Diagnostic> {
    Mechanism::of(name).ok_or_else(|| {
        Diagnostic::new(format!("the model has no mechanism `{name}`"))
            .suggest(name, Mechanism::ALL.map(Mechanism::name))
    })
}

/// Each device, and behind it the same with zeros and without each of some mechanisms.
fn variants<'a>(whole: &[Device<'a>], zeros: bool, missing: &[Mechanism]) -> Vec<Device<'a>> {
    let of = |device: &Device<'a>| {
        let device = *device;
        let zeros = zeros.then(|| device.with_zeros());
        let cut = missing
            .iter()
            .map(move |mechanism| device.without(*mechanism));
        std::iter::once(device).chain(zeros).chain(cut)
    };
    whole.iter().flat_map(of).collect()
}

/// An operator in the list.
#[derive(serde::Serialize)]
struct Listed {
    operator: &'static str,
    sizes: &'static [&'static str],
    what: &'static str,
}

/// All operators with their sizes.
fn list(format: Format) -> Result<String, Diagnostic> {
    let all = NAMED_OPERATORS.iter().map(|named| Listed {
        operator: named.name,
        sizes: named.sizes,
        what: named.words,
    });
    let row = |one: Listed| vec![one.operator.into(), one.sizes.join(" "), one.what.into()];
    let header = ["operator", "sizes", "what it does"].map(String::from);
    Ok(match format {
        Format::Json => output::json(&all.collect::<Vec<_>>())?,
        Format::Csv => csv::lines(&header, all.map(row)),
        Format::Text => table(&header, &all.map(row).collect::<Vec<_>>()),
    })
}

fn device(known: &AnyDevice) -> Result<Device<'_>, Diagnostic> {
    match known {
        AnyDevice::Gpu(gpu) => Ok(Device::of_gpu(gpu)),
        AnyDevice::Cpu(cpu) => Ok(Device::of_cpu(cpu)),
        AnyDevice::Switch(switch) => Err(Diagnostic::new(format!(
            "`{}` is a switch: it computes nothing",
            switch.name
        ))),
    }
}

/// What a device's family says in its place, if anything: of the share of a matrix peak and that of
/// the bandwidth, given the source of each.
fn from_family([products, streams]: [&String; 2]) -> Option<String> {
    let family = |source: &String| source.starts_with("family ");
    match (family(products), family(streams)) {
        (true, true) => Some(format!(
            "not measured itself; what kernels reach is taken from the {products}"
        )),
        (true, false) => Some(format!(
            "what products reach was not measured and is taken from the {products}"
        )),
        (false, true) => Some(format!(
            "what its memory reaches was not measured and is taken from the {streams}"
        )),
        (false, false) => None,
    }
}

/// What is not measured of a device, and formats that run as another.
fn notes(known: &[AnyDevice], records: &[KernelRecord], unseen: &AccuracySpec) -> String {
    let mut lines = Vec::new();
    for device in known {
        let (name, sources) = match device {
            AnyDevice::Gpu(gpu) => {
                let memory = &gpu.memory.achievable.source;
                (&gpu.name, [&gpu.compute.achievable.source, memory])
            }
            AnyDevice::Cpu(cpu) => {
                let memory = &cpu.memory.achievable.source;
                (&cpu.name, [&cpu.achievable.source, memory])
            }
            AnyDevice::Switch(_) => continue,
        };
        if let Some(what) = from_family(sources) {
            lines.push(format!(
                "{name}: {what}; measured devices treated so are {} off (median)",
                crate::units::percent(unseen.median_error.value)
            ));
        }
        let other = records
            .iter()
            .find(|record| record.device == *name && record.runs_as != record.format);
        if let Some(record) = other {
            lines.push(format!(
                "{name}: has no {}; it runs as {}",
                record.format, record.runs_as
            ));
        }
    }
    if lines.is_empty() {
        String::new()
    } else {
        format!("\n\n{}", lines.join("\n"))
    }
}

fn write(
    folder: &Path,
    args: &Args,
    records: &[KernelRecord],
    devices: &[Device<'_>],
    precision: Precision,
) -> Result<(), Diagnostic> {
    let name = &args.operator;
    let failed = |e: crate::report::draw::RenderError| Diagnostic::new(e.to_string());
    let mut all = vec![
        (format!("{name}.json"), output::json(&records)?.into_bytes()),
        (format!("{name}.csv"), csv::kernels(records).into_bytes()),
    ];
    if let Some(chart) = sweep_chart(records) {
        all.extend(compare::chart_files((name.clone(), chart.map_err(failed)?)));
    }
    if args.roofline {
        let chart = roofline_chart(records, devices, precision).map_err(failed)?;
        all.extend(compare::chart_files((format!("{name}-roofline"), chart)));
    }
    files::write_all(folder, &all)
}

/// The number format of a name.
fn precision(name: &str) -> Result<Precision, Diagnostic> {
    use crate::kernel::{FORMATS, format_name};
    let found = FORMATS
        .into_iter()
        .find(|format| format_name(*format) == name);
    found.ok_or_else(|| {
        Diagnostic::new(format!("unknown number format `{name}`"))
            .suggest(name, FORMATS.map(format_name))
    })
}

/// The sizes by name, and where each stands.
const SIZES: [(&str, Field); 17] = [
    ("m", |d| &mut d.m),
    ("n", |d| &mut d.n),
    ("k", |d| &mut d.k),
    ("batch", |d| &mut d.batch),
    ("query", |d| &mut d.query),
    ("context", |d| &mut d.context),
    ("heads", |d| &mut d.heads),
    ("kv-heads", |d| &mut d.kv_heads),
    ("head-dim", |d| &mut d.head_dim),
    ("weight-bits", |d| &mut d.weight_bits),
    ("group", |d| &mut d.group),
    ("image", |d| &mut d.image),
    ("filter", |d| &mut d.filter),
    ("window", |d| &mut d.window),
    ("page", |d| &mut d.page),
    ("latent", |d| &mut d.latent),
    ("rotary", |d| &mut d.rotary),
];

/// Sides of squares.
const SQUARES: [&str; 2] = ["image", "filter"];

impl Args {
    /// What was given for the sizes, in the order of [`SIZES`].
    fn given(&self) -> [&Option<Sizes>; 17] {
        [
            &self.m,
            &self.n,
            &self.k,
            &self.batch,
            &self.query,
            &self.context,
            &self.heads,
            &self.kv_heads,
            &self.head_dim,
            &self.weight_bits,
            &self.group,
            &self.image,
            &self.filter,
            &self.window,
            &self.page,
            &self.latent,
            &self.rotary,
        ]
    }
}

/// All shapes that the sizes span.
fn shapes(args: &Args, named: &Named) -> Result<Vec<ShapeOf>, Diagnostic> {
    let mut shapes: Vec<SizesOf> = vec![Vec::new()];
    for ((name, field), values) in SIZES.into_iter().zip(args.given()) {
        let used = named.sizes.contains(&name);
        if !used {
            if values.is_some() {
                return Err(
                    Diagnostic::new(format!("`{}` has no size `{name}`", named.name))
                        .help(format!("its sizes: {}", named.sizes.join(", "))),
                );
            }
            continue;
        }
        let usual = *field(&mut Dims::default());
        let values: Sizes = values.clone().unwrap_or_else(|| [usual].into());
        if shapes.len() * values.len() > MOST_SHAPES {
            return Err(Diagnostic::new(
                "these ranges span more than a million shapes",
            ));
        }
        shapes = spread(shapes, name, &values);
    }
    let finish = |mut sizes: SizesOf| {
        agree(args, named, &mut sizes)?;
        fits(named, &sizes)?;
        let mut dims = Dims::default();
        for (name, field) in SIZES {
            if let Some((_, value)) = sizes.iter().find(|(known, _)| *known == name) {
                *field(&mut dims) = *value;
            }
        }
        Ok((sizes, dims))
    };
    shapes.into_iter().map(finish).collect()
}

/// Every shape with every value of one more size.
fn spread(shapes: Vec<SizesOf>, name: &'static str, values: &[u64]) -> Vec<SizesOf> {
    let with = |sizes: &SizesOf, value: u64| {
        let mut sizes = sizes.clone();
        sizes.push((name, value));
        sizes
    };
    let each = |sizes: SizesOf| values.iter().map(move |value| with(&sizes, *value));
    shapes.into_iter().flat_map(each).collect()
}

/// Holds new tokens against the context and key/value heads against heads; of such a pair, one
/// that was not asked for follows the other.
fn agree(args: &Args, named: &Named, sizes: &mut SizesOf) -> Result<(), Diagnostic> {
    let at = |name| sizes.iter().position(|(known, _)| *known == name);
    if let (Some(query), Some(context)) = (at("query"), at("context")) {
        match (&args.query, &args.context) {
            (None, _) => sizes[query].1 = sizes[context].1,
            (Some(_), None) => sizes[context].1 = sizes[query].1,
            _ => at_most(named, sizes[query], sizes[context])?,
        }
    }
    let at = |name| sizes.iter().position(|(known, _)| *known == name);
    if let (Some(kv), Some(heads)) = (at("kv-heads"), at("heads")) {
        match (&args.kv_heads, &args.heads) {
            (None, _) => sizes[kv].1 = sizes[kv].1.min(sizes[heads].1),
            (Some(_), None) => sizes[heads].1 = sizes[heads].1.max(sizes[kv].1),
            _ => at_most(named, sizes[kv], sizes[heads])?,
        }
    }
    Ok(())
}

fn at_most(named: &Named, less: (&str, u64), more: (&str, u64)) -> Result<(), Diagnostic> {
    if less.1 <= more.1 {
        return Ok(());
    }
    let message = format!(
        "{} with {} {} and {} {}",
        named.name, less.0, less.1, more.0, more.1
    );
    Err(Diagnostic::new(message).help(format!("expected {} to be at most {}", less.0, more.0)))
}

/// Refuses what is larger than arithmetic on tiles is exact for.
fn fits(named: &Named, sizes: &SizesOf) -> Result<(), Diagnostic> {
    let product = sizes.iter().try_fold(1u64, |all, (name, value)| {
        let sides = if SQUARES.contains(name) { 2 } else { 1 };
        all.checked_mul(value.checked_pow(sides)?)
    });
    if product.is_some_and(|product| product <= MOST_TOGETHER) {
        return Ok(());
    }
    let words: Vec<String> = sizes.iter().map(|(n, v)| format!("{n} {v}")).collect();
    Err(
        Diagnostic::new(format!("{} is too large: {}", named.name, words.join(", ")))
            .help("the product of all sizes, sides of squares twice, may be at most 2^60"),
    )
}

/// A size: `4096`, `1,2,4`, `1..8192*2` or `64..512+64`.
fn sizes(text: &str) -> Result<Sizes, String> {
    let wrong = || {
        format!("`{text}` is no size; expected such as 4096, `1,2,4`, `1..8192*2` or `64..512+64`")
    };
    let number = |part: &str| {
        let value = part.trim().parse::<u64>().map_err(|_| wrong())?;
        match value {
            0 => Err("a size of 0 leaves nothing to compute".to_string()),
            value if value > MOST => Err(format!("{value} is too large: at most {MOST}")),
            value => Ok(value),
        }
    };
    let Some((first, rest)) = text.split_once("..") else {
        let list: Result<Vec<u64>, String> = text.split(',').map(number).collect();
        return list.map(Into::into);
    };
    let first = number(first)?;
    let (last, step): (u64, Box<dyn Fn(u64) -> Option<u64>>) =
        if let Some((last, by)) = rest.split_once('*') {
            let by = number(by)?;
            if by < 2 {
                return Err(format!(
                    "`{text}` does not grow: expected a factor of 2 or more"
                ));
            }
            (number(last)?, Box::new(move |value| value.checked_mul(by)))
        } else if let Some((last, by)) = rest.split_once('+') {
            let by = number(by)?;
            (number(last)?, Box::new(move |value| value.checked_add(by)))
        } else {
            (number(rest)?, Box::new(|value| value.checked_mul(2)))
        };
    if last < first {
        return Err(format!("`{text}` ends before it begins"));
    }
    let next = |value: &u64| step(*value).filter(|next| *next <= last);
    let all: Vec<u64> = std::iter::successors(Some(first), next)
        .take(MOST_SHAPES + 1)
        .collect();
    Ok(all.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_numbers_lists_and_ranges() {
        let of = |text| sizes(text).map(|list| list.to_vec());
        assert_eq!(of("4096"), Ok(vec![4096]));
        assert_eq!(of("1,2,4"), Ok(vec![1, 2, 4]));
        assert_eq!(of("1..8*2"), Ok(vec![1, 2, 4, 8]));
        assert_eq!(of("1..8"), Ok(vec![1, 2, 4, 8]));
        assert_eq!(of("64..200+64"), Ok(vec![64, 128, 192]));
        assert!(of("0").is_err());
        assert!(of("8..1*2").is_err());
        assert!(of("1..8*1").is_err());
        assert_eq!(of("4294967296..4294967296*4294967296"), Ok(vec![1 << 32]));
        assert!(of("x").is_err());
        assert!(of("99999999999").is_err());
    }
}
