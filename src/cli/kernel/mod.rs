//! `narrows kernel OPERATOR --on DEVICE`

mod notes;
mod range;
mod shapes;

use std::path::{Path, PathBuf};

use self::notes::notes;
use self::shapes::{SizeArgs, shapes};
use super::{Answer, Context, Format, compare, output};
use crate::catalog::AnyDevice;
use crate::kernel::{Device, FORMATS, Mechanism, format_name};
use crate::model::{NAMED_OPERATORS, Named};
use crate::report::kernel::{KernelRecord, record, roofline_chart, sweep_chart, text};
use crate::report::tables::table;
use crate::report::{csv, files};
use crate::spec::{AccuracySpec, Diagnostic, Precision};

/// The catalogue's record of how far predictions of unmeasured devices are off.
const UNSEEN: &str = "unseen-kernels";

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
    // Help is built from the lists that the names are looked up in.
    #[arg(long, default_value = format_name(Precision::Bf16), help = dtype_help())]
    dtype: String,
    #[command(flatten)]
    sizes: SizeArgs,
    #[arg(long, value_name = "MECHANISM", help = without_help())]
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

pub fn run(context: &Context, args: &Args) -> Result<Answer, Diagnostic> {
    if args.operator == "list" {
        if args.output.is_some() {
            return Err(Diagnostic::new("the list of operators has no charts")
                .help("leave `-o` out, or name an operator"));
        }
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
    let shapes = shapes(&args.sizes, named)?;
    let names = args.devices.iter().map(|name| context.catalog.called(name));
    let known = once_each(names.collect::<Result<_, _>>()?).into_iter();
    let known: Vec<AnyDevice> = known
        .map(|name| context.catalog.device(&name))
        .collect::<Result<_, _>>()?;
    let whole: Vec<Device<'_>> = known.iter().map(device).collect::<Result<_, _>>()?;
    let missing = args.without.iter().map(|name| mechanism(name));
    let missing: Vec<Mechanism> = once_each(missing.collect::<Result<_, _>>()?);
    let unseen = context.catalog.get::<AccuracySpec>(UNSEEN)?;
    if let Some(folder) = &args.output {
        files::prepare(folder)?;
    }
    let (mut records, mut devices, mut lines) = (Vec::new(), Vec::new(), Vec::new());
    for (known, device) in known.iter().zip(whole) {
        let notes = notes(known, &device, precision, &unseen);
        for device in variants(device, args.zeros, &missing) {
            for (sizes, dims) in &shapes {
                let operators = named.operators(dims, precision);
                let one = record(&operators, sizes, precision, &device, &notes);
                records.push(one.map_err(|e| Diagnostic::new(e.to_string()))?);
            }
            devices.push(device);
        }
        lines.extend(notes);
    }
    if let Some(folder) = &args.output {
        write(folder, args, &records, &devices, precision)?;
    }
    output::result(&match context.format {
        Format::Json => output::json(&records)?,
        Format::Csv => csv::kernels(&records),
        Format::Text if lines.is_empty() => text(&records),
        Format::Text => format!("{}\n\n{}", text(&records), lines.join("\n")),
    })?;
    Ok(Answer::Done)
}

/// What was named, in its order, however often it was.
fn once_each<T: PartialEq>(named: Vec<T>) -> Vec<T> {
    let add = |mut kept: Vec<T>, one: T| {
        if !kept.contains(&one) {
            kept.push(one);
        }
        kept
    };
    named.into_iter().fold(Vec::new(), add)
}

fn dtype_help() -> String {
    format!("Number format: {}", one_of(&FORMATS.map(format_name)))
}

fn without_help() -> String {
    let mechanisms = one_of(&Mechanism::ALL.map(Mechanism::name));
    format!("Predict it also without a mechanism of the model: {mechanisms}")
}

/// Names as a choice: `a, b or c`.
pub(super) fn one_of(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [only] => (*only).to_string(),
        [others @ .., last] => format!("{} or {last}", others.join(", ")),
    }
}

/// A mechanism of the model by name.
pub(super) fn mechanism(name: &str) -> Result<Mechanism, Diagnostic> {
    Mechanism::of(name).ok_or_else(|| {
        Diagnostic::new(format!("the model has no mechanism `{name}`"))
            .suggest(name, Mechanism::ALL.map(Mechanism::name))
    })
}

/// A device, and behind it the same with zeros and without each of some mechanisms.
fn variants<'a>(
    device: Device<'a>,
    zeros: bool,
    missing: &[Mechanism],
) -> impl Iterator<Item = Device<'a>> {
    let zeros = zeros.then(|| device.with_zeros());
    let cut = missing.iter().map(move |m| device.without(*m));
    std::iter::once(device).chain(zeros).chain(cut)
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
    let found = FORMATS
        .into_iter()
        .find(|format| format_name(*format) == name);
    found.ok_or_else(|| {
        Diagnostic::new(format!("unknown number format `{name}`"))
            .suggest(name, FORMATS.map(format_name))
    })
}
