//! `narrows validate KIND FILE.csv`

use std::path::{Path, PathBuf};

use super::kernel::one_of;
use super::{Answer, Context, Format, output};
use crate::kernel::Mechanism;
use crate::report::files;
use crate::spec::{Diagnostic, is_name, no_name};
use crate::validate::{
    Collectives, Kernels, Measurements, Subject, UnseenKernels, ValidationRecord, accuracy_file,
    annotated_csv, markdown, scatters, text, validate, without,
};

/// Compare predictions with published measurements.
#[derive(Debug, clap::Args)]
pub struct Args {
    // Help is built from the lists that the names are looked up in.
    #[arg(help = kind_help())]
    kind: String,
    /// The measurements.
    file: PathBuf,
    /// Score only the rows of this split.
    #[arg(long, value_name = "NAME")]
    split: Option<String>,
    #[arg(long, value_name = "MECHANISM", help = without_help())]
    without: Option<String>,
    /// Write the annotated CSV, JSON, charts and a page into this folder; with `--without` its
    /// table and charts.
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
}

/// The kind whose model has mechanisms that can be left out.
const KERNELS: &str = "kernels";

/// The kinds by name: the one place to add another.
const KINDS: [(&str, Make); 3] = [
    ("collectives", |context| {
        Ok(Box::new(Collectives::new(&context.catalog)?))
    }),
    (KERNELS, |context| {
        Ok(Box::new(Kernels::new(&context.catalog)?))
    }),
    ("unseen-kernels", |context| {
        Ok(Box::new(UnseenKernels::new(&context.catalog)?))
    }),
];

fn kind_help() -> String {
    let kinds = one_of(&KINDS.map(|(key, _)| key));
    format!("What was measured: {kinds} (on devices whose own constants are withheld)")
}

fn without_help() -> String {
    let mechanisms = one_of(&Mechanism::ALL.map(Mechanism::name));
    format!(
        "Predict kernels also without a mechanism of the model, to see what it explains: \
         {mechanisms}"
    )
}

type Make = fn(&Context) -> Result<Box<dyn Subject>, Diagnostic>;

pub fn run(context: &Context, args: &Args) -> Result<Answer, Diagnostic> {
    let (_, make) = KINDS
        .iter()
        .find(|(key, _)| *key == args.kind)
        .ok_or_else(|| {
            Diagnostic::new(format!("unknown kind of measurements `{}`", args.kind))
                .suggest(&args.kind, KINDS.iter().map(|(key, _)| *key))
        })?;
    if let Some(split) = args.split.as_ref().filter(|split| !is_name(split)) {
        return Err(no_name(split));
    }
    let file = Measurements::read(&args.file)?;
    let mechanism = left_out(args)?;
    if let Some(mechanism) = mechanism {
        return run_without(context, args, &file, mechanism);
    }
    let subject = make(context)?;
    ready(args, &file, subject.as_ref())?;
    let record = validate(subject.as_ref(), &file, args.split.as_deref())?;
    let record = record.with_withheld(subject.as_ref(), &file)?;
    if let Some(folder) = &args.output {
        write(folder, subject.as_ref(), &file, &record)?;
    }
    output::result(&match context.format {
        Format::Json => output::json(&record)?,
        Format::Csv => annotated_csv(&file, &record)?,
        Format::Text => text(&record),
    })?;
    Ok(Answer::Done)
}

/// Refuses a file that cannot be scored before a folder is made for the result.
fn ready(args: &Args, file: &Measurements, subject: &dyn Subject) -> Result<(), Diagnostic> {
    file.check_columns(subject.needed())?;
    file.rows(args.split.as_deref())?;
    args.output
        .as_ref()
        .map_or(Ok(()), |folder| files::prepare(folder))
}

/// The mechanism to leave out, if any.
fn left_out(args: &Args) -> Result<Option<Mechanism>, Diagnostic> {
    let Some(name) = &args.without else {
        return Ok(None);
    };
    if args.kind != KERNELS {
        let message = format!("`{}` has no mechanisms to leave out", args.kind);
        return Err(Diagnostic::new(message).help("`--without` is for `narrows validate kernels`"));
    }
    super::kernel::mechanism(name).map(Some)
}

/// Both models on the same rows.
fn run_without(
    context: &Context,
    args: &Args,
    file: &Measurements,
    mechanism: Mechanism,
) -> Result<Answer, Diagnostic> {
    let kernels = Kernels::new(&context.catalog)?;
    ready(args, file, &kernels)?;
    let record = without(&kernels, mechanism, file, args.split.as_deref())?;
    if let Some(folder) = &args.output {
        let charts = record.charts(&kernels);
        let charts = charts.map_err(|e| Diagnostic::new(e.to_string()))?;
        let name = format!("without-{}", record.mechanism);
        let mut all = vec![
            (format!("{name}.csv"), record.csv().into_bytes()),
            (format!("{name}.json"), output::json(&record)?.into_bytes()),
        ];
        all.extend(charts.into_iter().flat_map(super::compare::chart_files));
        files::write_all(folder, &all)?;
    }
    output::result(&match context.format {
        Format::Json => output::json(&record)?,
        Format::Csv => record.csv(),
        Format::Text => record.text(),
    })?;
    Ok(Answer::Done)
}

fn write(
    folder: &Path,
    subject: &dyn Subject,
    file: &Measurements,
    record: &ValidationRecord,
) -> Result<(), Diagnostic> {
    let mut charts = scatters(subject, record).map_err(|e| Diagnostic::new(e.to_string()))?;
    charts.extend(subject.charts(file, record)?);
    let names: Vec<String> = charts.iter().map(|(name, _)| name.clone()).collect();
    let stem = match &record.split {
        Some(split) => format!("{}-{split}", record.kind),
        None => record.kind.to_string(),
    };
    let mut all = vec![
        (
            format!("{stem}.csv"),
            annotated_csv(file, record)?.into_bytes(),
        ),
        (format!("{stem}.json"), output::json(record)?.into_bytes()),
        (format!("{stem}.md"), markdown(record, &names).into_bytes()),
    ];
    all.extend(charts.into_iter().flat_map(super::compare::chart_files));
    // What `narrows kernel` prints beside an unmeasured device; it belongs into the catalogue.
    let accuracy = subject.accuracy_title();
    if let Some(text) = accuracy.and_then(|title| accuracy_file(record, title)) {
        all.push((format!("{}.yaml", record.kind), text.into_bytes()));
    }
    files::write_all(folder, &all)
}
