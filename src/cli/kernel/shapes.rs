//! Shapes of an operator: what its sizes are asked to be.

use super::range::{self, MOST_SHAPES, Sizes};
use crate::model::{Dims, Named};
use crate::spec::Diagnostic;

/// The sizes of all operators; each operator has some of them.
#[derive(Debug, clap::Args)]
pub(super) struct SizeArgs {
    /// Rows, tokens, or elements.
    #[arg(short, value_parser = range::parse)]
    m: Option<Sizes>,
    /// Columns, width, vocabulary.
    #[arg(short, value_parser = range::parse)]
    n: Option<Sizes>,
    /// Inner size of a product.
    #[arg(short, value_parser = range::parse)]
    k: Option<Sizes>,
    /// Independent products, sequences, images, experts.
    #[arg(long, value_parser = range::parse)]
    batch: Option<Sizes>,
    /// New tokens of a sequence.
    #[arg(long, value_parser = range::parse)]
    query: Option<Sizes>,
    /// Tokens attended to.
    #[arg(long, value_parser = range::parse)]
    context: Option<Sizes>,
    /// Query heads.
    #[arg(long, value_parser = range::parse)]
    heads: Option<Sizes>,
    /// Key/value heads.
    #[arg(long, value_parser = range::parse)]
    kv_heads: Option<Sizes>,
    /// Width of a head.
    #[arg(long, value_parser = range::parse)]
    head_dim: Option<Sizes>,
    /// Bits of one weight at rest.
    #[arg(long, value_parser = range::parse)]
    weight_bits: Option<Sizes>,
    /// Weights that share a scale.
    #[arg(long, value_parser = range::parse)]
    group: Option<Sizes>,
    /// Side of a square image.
    #[arg(long, value_parser = range::parse)]
    image: Option<Sizes>,
    /// Side of a square filter.
    #[arg(long, value_parser = range::parse)]
    filter: Option<Sizes>,
    /// Most tokens that one sees.
    #[arg(long, value_parser = range::parse)]
    window: Option<Sizes>,
    /// Tokens of a page of the cache.
    #[arg(long, value_parser = range::parse)]
    page: Option<Sizes>,
    /// Width of the latent vector of multi-head latent attention.
    #[arg(long, value_parser = range::parse)]
    latent: Option<Sizes>,
    /// Width of the rotated part of its keys.
    #[arg(long, value_parser = range::parse)]
    rotary: Option<Sizes>,
}

/// Where a size stands among all.
type Field = fn(&mut Dims) -> &mut u64;

/// The sizes of one shape, by name.
pub(super) type SizesOf = Vec<Size>;

/// A size by name.
type Size = (&'static str, u64);

/// One shape: its sizes, and what they make.
pub(super) type ShapeOf = (SizesOf, Dims);

/// Largest product of all sizes of an operator: u64 arithmetic on tiles stays exact below it.
const MOST_TOGETHER: u64 = 1 << 60;

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

impl SizeArgs {
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
pub(super) fn shapes(args: &SizeArgs, named: &Named) -> Result<Vec<ShapeOf>, Diagnostic> {
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
fn agree(args: &SizeArgs, named: &Named, sizes: &mut SizesOf) -> Result<(), Diagnostic> {
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
            (None, _) => sizes[kv].1 = divisor(sizes[heads].1, sizes[kv].1),
            (Some(_), None) => sizes[heads].1 = sizes[heads].1.next_multiple_of(sizes[kv].1),
            _ => divides(named, sizes[kv], sizes[heads])?,
        }
    }
    Ok(())
}

/// The largest divisor of a number that is at most `most`.
fn divisor(number: u64, most: u64) -> u64 {
    let mut smaller = (1..=most.min(number)).rev();
    smaller.find(|d| number.is_multiple_of(*d)).unwrap_or(1)
}

fn at_most(named: &Named, less: Size, more: Size) -> Result<(), Diagnostic> {
    if less.1 <= more.1 {
        return Ok(());
    }
    Err(together(named, less, more).help(format!("expected {} to be at most {}", less.0, more.0)))
}

fn divides(named: &Named, part: Size, whole: Size) -> Result<(), Diagnostic> {
    if whole.1.is_multiple_of(part.1) {
        return Ok(());
    }
    Err(together(named, part, whole).help(format!("expected {} to divide {}", part.0, whole.0)))
}

/// Two sizes that do not go together.
fn together(named: &Named, one: Size, other: Size) -> Diagnostic {
    Diagnostic::new(format!(
        "{} with {} {} and {} {}",
        named.name, one.0, one.1, other.0, other.1
    ))
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
