//! Devices by what people and logs call them: `NVIDIA H100 80GB HBM3`, `RTX 3080`, `Tesla P40`.
//!
//! A name falls into words of the model, of the form factor, and a memory size. Brands, memory
//! kinds and power limits say nothing about which device it is. Model words must be those of one
//! of the device's own names; what a text leaves out of the rest, or adds to it, is no
//! contradiction as long as the size is the device's.

use std::collections::{BTreeMap, BTreeSet};

use super::Catalog;
use crate::spec::{CpuSpec, Diagnostic, GpuSpec, Kind, Memory};

/// Words that tell no device from another of the catalogue.
const BRANDS: [&str; 33] = [
    "nvidia",
    "amd",
    "intel",
    "habana",
    "google",
    "cloud",
    "aws",
    "apple",
    "meta",
    "microsoft",
    "huawei",
    "graphcore",
    "r",
    "tm",
    "tesla",
    "geforce",
    "radeon",
    "instinct",
    "gpu",
    "cpu",
    "card",
    "edition",
    "generation",
    "superchip",
    "grace",
    "hopper",
    "with",
    "processor",
    "ai",
    "accelerator",
    "nvl36",
    "nvl72",
    "nvswitch",
];

/// Kinds of memory, coolers and partitions that stand beside a name.
const MEMORIES: [&str; 14] = [
    "hbm", "hbm2", "hbm2e", "hbm3", "hbm3e", "gddr5", "gddr5x", "gddr6", "gddr6x", "cts", "dlc",
    "ac", "spx", "nps1",
];

/// Words of the form in which a device comes.
const FORMS: [&str; 11] = [
    "sxm",
    "sxm2",
    "sxm3",
    "sxm4",
    "sxm5",
    "sxm6",
    "pcie",
    "nvl",
    "oam",
    "server",
    "workstation",
];

/// A text that names a part of a device, not a device.
const PARTITION: &str = "mig";

/// Largest relative difference of a memory size from the device's: 192 GB of a B200 are its
/// 180 GiB but for 0.7 %, and 141 are not 144 (2.1 %). What differs more, because part of the
/// memory is kept back, is an alias in the device's file.
const SIZE_TOLERANCE: f64 = 0.015;

/// Letters from which on a name stands apart from the number of its generation.
const LONG_NAME: usize = 5;

/// What a device is called, taken apart.
#[derive(Debug, PartialEq, Eq)]
struct Words {
    model: BTreeSet<String>,
    form: BTreeSet<String>,
    size_gb: Option<u64>,
}

/// A device and what it is called.
#[derive(Debug)]
struct Known {
    /// Its name in the catalogue.
    name: String,
    /// Whether it is the user's.
    own: bool,
    /// Each of its names, taken apart.
    words: Vec<Words>,
    /// The forms that any of them gives.
    form: BTreeSet<String>,
    /// Its memory \[B\].
    bytes: f64,
}

/// All GPUs and CPUs of a catalogue, to be found by what they are called.
#[derive(Debug)]
pub struct Called {
    known: Vec<Known>,
    /// What whole names in lower case mean.
    exact: BTreeMap<String, Vec<Exact>>,
}

/// A device of which a text is a whole name.
#[derive(Debug, Clone, Copy)]
struct Exact {
    /// What comes first: entries before titles and aliases, the user's before shipped ones.
    rank: (bool, bool),
    /// Place among all.
    at: usize,
}

impl Called {
    /// The devices of a catalogue.
    ///
    /// # Errors
    /// A device's file cannot be read.
    pub fn new(catalog: &Catalog) -> Result<Self, Diagnostic> {
        let mut called = Self {
            known: Vec::new(),
            exact: BTreeMap::new(),
        };
        for name in catalog.names(Kind::Gpu) {
            let gpu = catalog.get::<GpuSpec>(name)?;
            called.add(catalog, name, &gpu.title, &gpu.aliases, &gpu.memory)?;
        }
        for name in catalog.names(Kind::Cpu) {
            let cpu = catalog.get::<CpuSpec>(name)?;
            called.add(catalog, name, &cpu.title, &cpu.aliases, &cpu.memory)?;
        }
        Ok(called)
    }

    fn add(
        &mut self,
        catalog: &Catalog,
        name: &str,
        title: &str,
        aliases: &[String],
        memory: &Memory,
    ) -> Result<(), Diagnostic> {
        let (at, own) = (self.known.len(), catalog.is_own(name));
        let mut words = Vec::new();
        let names = [name, title].into_iter();
        for (place, called) in names.chain(aliases.iter().map(String::as_str)).enumerate() {
            let said = Words::of(called);
            if place > 0 && said.model.is_empty() {
                return Err(Diagnostic::new(format!(
                    "`{name}` is also called `{called}`, which tells no device from another"
                ))
                .help("leave the alias out, or make it say the model"));
            }
            let exact = Exact {
                rank: (place > 0, !own),
                at,
            };
            let all = self.exact.entry(called.to_lowercase()).or_default();
            all.push(exact);
            words.push(said);
        }
        self.known.push(Known {
            name: name.to_string(),
            own,
            form: words.iter().flat_map(|said| said.form.clone()).collect(),
            words,
            bytes: memory.size.value.0,
        });
        Ok(())
    }

    /// The devices of which a text is a whole name, the foremost of them.
    fn exactly(&self, text: &str) -> Vec<&Known> {
        let all = self.exact.get(&text.trim().to_lowercase());
        let all = all.map_or(&[][..], Vec::as_slice);
        let first = all.iter().map(|exact| exact.rank).min();
        let foremost = all.iter().filter(|exact| Some(exact.rank) == first);
        let places: BTreeSet<usize> = foremost.map(|exact| exact.at).collect();
        places.into_iter().map(|at| &self.known[at]).collect()
    }

    /// The name of the one device that a text means.
    ///
    /// # Errors
    /// It means none, or may mean several.
    pub fn find(&self, text: &str) -> Result<&str, Unclear<'_>> {
        if let Some(known) = one_of(&self.exactly(text))? {
            return Ok(known);
        }
        if split(text).iter().any(|word| word == PARTITION) {
            return Err(Unclear::Part);
        }
        let said = [Words::of(text), Words::of(&without_asides(text))];
        for said in said.iter().filter(|said| !said.model.is_empty()) {
            for matches in [Known::is_called as Matches, Known::may_be_called] {
                let meant = self.known.iter().filter(|known| matches(known, said));
                let mut meant: Vec<&Known> = meant.collect();
                if meant.iter().any(|known| known.own) {
                    meant.retain(|known| known.own);
                }
                if let Some(name) = one_of(&meant)? {
                    return Ok(name);
                }
            }
        }
        Err(Unclear::Unknown)
    }
}

/// The name of the only device, if there is any.
fn one_of<'a>(meant: &[&'a Known]) -> Result<Option<&'a str>, Unclear<'a>> {
    match meant {
        [] => Ok(None),
        [one] => Ok(Some(&one.name)),
        several => {
            let names = several.iter().map(|known| known.name.as_str());
            Err(Unclear::Several(names.collect()))
        }
    }
}

/// Why a text names no device.
#[derive(Debug, PartialEq, Eq)]
pub enum Unclear<'a> {
    /// It may mean any of these.
    Several(Vec<&'a str>),
    /// It names a part of a device.
    Part,
    /// The catalogue has none that is called so.
    Unknown,
}

impl Catalog {
    /// The name of the entry that a text names, or of the device that it means.
    ///
    /// # Errors
    /// There is no such entry, and no device or more than one is called so.
    pub fn called(&self, text: &str) -> Result<String, Diagnostic> {
        if self.file(text).is_some() {
            return Ok(text.to_string());
        }
        match self.all_called()?.find(text) {
            Ok(name) => Ok(name.to_string()),
            Err(Unclear::Several(names)) => Err(Diagnostic::new(format!(
                "`{text}` may be any of {} devices",
                names.len()
            ))
            .help(format!("name one of them: {}", names.join(", ")))),
            Err(Unclear::Part) => Err(Diagnostic::new(format!(
                "`{text}` is a part of a device, and devices are known only whole"
            ))),
            Err(Unclear::Unknown) => {
                let devices = [self.names(Kind::Gpu), self.names(Kind::Cpu)].concat();
                Err(Diagnostic::new(format!("unknown device `{text}`")).suggest(text, devices))
            }
        }
    }
}

/// Whether words may mean a device.
type Matches = fn(&Known, &Words) -> bool;

impl Known {
    /// Whether one of its names has just these words.
    fn is_called(&self, said: &Words) -> bool {
        self.words.iter().any(|own| own == said)
    }

    /// Whether one of its names has this model, and nothing contradicts.
    fn may_be_called(&self, said: &Words) -> bool {
        self.words.iter().any(|own| own.model == said.model)
            && said.size_gb.is_none_or(|size| self.has_memory(size))
            && forms_agree(&self.form, &said.form)
    }

    /// Whether so many GB, of either kind, are its memory.
    fn has_memory(&self, size_gb: u64) -> bool {
        let near = |unit: f64| (size_gb as f64 * unit / self.bytes - 1.0).abs() < SIZE_TOLERANCE;
        near(1e9) || near(1024f64.powi(3))
    }
}

impl Words {
    fn of(text: &str) -> Self {
        let mut model = BTreeSet::new();
        let mut form = BTreeSet::new();
        let mut size_gb = None;
        let words = split(text);
        let mut at = 0;
        while let Some(word) = words.get(at) {
            let next = words.get(at + 1).map(String::as_str);
            at += 1;
            if let Some(size) = size(word) {
                size_gb = Some(size);
            } else if let (Ok(size), Some("gb" | "gib")) = (word.parse(), next) {
                size_gb = Some(size);
                at += 1;
            } else if FORMS.contains(&word.as_str()) {
                form.insert(word.clone());
            } else if !says_nothing(word) {
                model.insert(word.clone());
            }
        }
        Self {
            model,
            form,
            size_gb,
        }
    }
}

/// Lower-case words of letters and digits; `3080Ti` and `Gaudi2` are two.
fn split(text: &str) -> Vec<String> {
    let text = text.to_lowercase().replace('+', " plus ");
    let text = text.split('@').next().unwrap_or_default();
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    let mut all = Vec::new();
    for word in words.filter(|word| !word.is_empty()) {
        let name = word.trim_end_matches(|c: char| c.is_ascii_digit());
        let (head, tail) = match word.strip_suffix("ti") {
            Some(number) if is_number(number) => (number, "ti"),
            _ if name.len() >= LONG_NAME && !has_digits(name) => word.split_at(name.len()),
            _ => (word, ""),
        };
        all.extend(
            [head, tail]
                .into_iter()
                .filter(|part| !part.is_empty())
                .map(String::from),
        );
    }
    all
}

fn has_digits(word: &str) -> bool {
    word.bytes().any(|b| b.is_ascii_digit())
}

/// The number of `80gb`, `80gib` or `80g`.
fn size(word: &str) -> Option<u64> {
    let number = ["gb", "gib", "g"]
        .iter()
        .find_map(|unit| word.strip_suffix(unit))?;
    is_number(number).then(|| number.parse().ok())?
}

fn is_number(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit())
}

/// Whether a word is a brand, a kind of memory or a power limit.
fn says_nothing(word: &str) -> bool {
    let power = word.strip_suffix('w').is_some_and(is_number);
    power || BRANDS.contains(&word) || MEMORIES.contains(&word)
}

/// Whether one of two forms says no more than the other; `sxm` is any SXM.
fn forms_agree(a: &BTreeSet<String>, b: &BTreeSet<String>) -> bool {
    let same = |x: &str, y: &str| {
        x == y || (x.starts_with("sxm") && y.starts_with("sxm") && (x == "sxm" || y == "sxm"))
    };
    let within = |inner: &BTreeSet<String>, outer: &BTreeSet<String>| {
        inner.iter().all(|x| outer.iter().any(|y| same(x, y)))
    };
    within(a, b) || within(b, a)
}

/// A text without what stands in parentheses, and without numbers of cores.
fn without_asides(text: &str) -> String {
    let mut depth = 0_usize;
    let mut kept = String::new();
    for letter in text.chars() {
        match letter {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            _ if depth == 0 => kept.push(letter),
            _ => {}
        }
    }
    let words = split(&kept);
    let counts_cores = |at: usize| {
        let after = words.get(at + 1).map(String::as_str);
        words[at] == "core" || (is_number(&words[at]) && after == Some("core"))
    };
    let kept = (0..words.len()).filter(|at| !counts_cores(*at));
    kept.map(|at| words[at].as_str())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipped() -> Called {
        Called::new(&Catalog::shipped().expect("shipped")).expect("devices")
    }

    #[test]
    fn every_device_is_found_by_each_of_its_own_names() {
        let catalog = Catalog::shipped().expect("shipped");
        let called = shipped();
        for name in catalog.names(Kind::Gpu) {
            let gpu = catalog.get::<GpuSpec>(name).expect("a GPU");
            for own in gpu.aliases.iter().chain([&gpu.name, &gpu.title]) {
                assert_eq!(called.find(own), Ok(name), "{own}");
            }
        }
    }

    #[test]
    fn makers_logs_and_forums_are_understood() {
        let called = shipped();
        for (text, name) in [
            ("NVIDIA A100-SXM4-40GB", "a100-sxm-40gb"),
            ("A100-PCIE-40GB (250W)", "a100-pcie-40gb"),
            ("NVIDIA H100 80GB HBM3", "h100-sxm-80gb"),
            ("NVIDIA H100-NVL-94GB", "h100-nvl-94gb"),
            ("NVIDIA GH200 480GB", "gh200-96gb"),
            ("Tesla V100-SXM2-16GB", "v100-sxm2-16gb"),
            ("V100 SXM3 32 GB", "v100-sxm3-32gb"),
            ("RTX 2080Ti 11GB", "rtx-2080-ti"),
            ("RTX 2080 Ti 22GB", "rtx-2080-ti-22gb"),
            ("NVIDIA GeForce RTX 3080", "rtx-3080-10gb"),
            ("NVIDIA RTX 6000 Ada Generation", "rtx-6000-ada"),
            ("B200 SXM 180GB", "b200-sxm"),
            ("B200 192GB", "b200-sxm"),
            ("NVIDIA GB200 192GB", "gb200"),
            ("B300 SXM 288GB", "b300-sxm"),
            ("GB300 288GB", "gb300"),
            ("NVIDIA H200 141GB HBM3e", "h200-sxm"),
            ("GH200 144GB", "gh200-144gb"),
            ("TPU v5p 96GB", "tpu-v5p"),
            ("AMD Instinct MI300X-NPS1-SPX-192GB-750W", "mi300x"),
            ("Intel(R) Gaudi(R) 2 AI Accelerator", "gaudi2"),
            ("Habana Gaudi2", "gaudi2"),
            ("M2 Ultra 76-Core GPU", "apple-m2-ultra"),
            ("K80 (one GK210, 12GB)", "k80-gk210"),
            ("INTEL(R) XEON(R) PLATINUM 8592+", "xeon-8592-plus"),
            (
                "Intel(R) Xeon(R) Platinum 8480+ CPU @ 2.00GHz",
                "xeon-8480-plus",
            ),
        ] {
            assert_eq!(called.find(text), Ok(name), "{text}");
        }
    }

    #[test]
    fn what_may_be_several_is_told_from_what_is_none() {
        let called = shipped();
        let both = vec!["a100-sxm-40gb", "a100-sxm-80gb"];
        assert_eq!(called.find("A100 SXM4"), Err(Unclear::Several(both)));
        for text in [
            "RTX 3060",
            "RTX 4070",
            "RTX 4090 D",
            "RTX 3090 12GB",
            "GH200 141GB",
            "H200 144GB",
            "B200 NVL",
            "",
            "TPU",
        ] {
            assert_eq!(called.find(text), Err(Unclear::Unknown), "{text}");
        }
        let slice = "NVIDIA A100-PCIe-80GB (1x1g.10gb MIG)";
        assert_eq!(called.find(slice), Err(Unclear::Part));
    }

    #[test]
    fn a_catalogue_says_what_else_to_call_it() {
        let catalog = Catalog::shipped().expect("shipped");
        let named = |text: &str| catalog.called(text);
        assert_eq!(named("RTX 4090").expect("known"), "rtx-4090");
        assert_eq!(
            named("pcie-switch-gen4").expect("an entry"),
            "pcie-switch-gen4"
        );
        let unclear = named("A100 SXM4").expect_err("two").render();
        assert!(
            unclear.contains("name one of them: a100-sxm-40gb, a100-sxm-80gb"),
            "{unclear}"
        );
        let unknown = named("RTX 30900").expect_err("none").render();
        assert!(unknown.contains("rtx-3090"), "{unknown}");
    }
}
