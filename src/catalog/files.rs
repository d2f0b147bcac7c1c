//! The files: shipped ones, and the user's in front of them.

use include_dir::{Dir, include_dir};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::called::Called;
use super::entry::{AnyDevice, Entry};
use super::load::read_file;
use super::parsed::Parsed;
use crate::spec::{
    Diagnostic, FamilySpec, Kind, Source, is_name, no_name, parse, read_architecture, read_kind,
    read_name,
};

static DATA: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/catalog/data");
static TOPOLOGIES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/topologies");
static WORKLOADS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/workloads");

/// One file of the catalogue.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Its kind.
    pub kind: Kind,
    /// Its name: that of the file without the extension.
    pub name: String,
    /// Its text.
    pub source: Arc<Source>,
    /// Whether it is the user's.
    pub own: bool,
}

/// All known files by name. Names are unique over all kinds.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    files: BTreeMap<String, Listed>,
    /// What has been read of just these files; clones share it.
    parsed: Arc<Parsed>,
}

impl Catalog {
    /// The shipped catalogue.
    ///
    /// # Errors
    /// A shipped file has no kind, which a test prevents.
    pub fn shipped() -> Result<Self, Diagnostic> {
        let mut catalog = Self::default();
        for folder in [&DATA, &TOPOLOGIES, &WORKLOADS] {
            catalog.take_embedded(folder)?;
        }
        Ok(catalog)
    }

    /// Puts every `*.yaml` of a user's folder in front of the files known so far.
    ///
    /// # Errors
    /// The folder or a file in it cannot be read, a file has no kind, or it calls itself otherwise
    /// than its file: it would stand beside what it was to replace.
    pub fn add_folder(&mut self, folder: &Path) -> Result<(), Diagnostic> {
        let unreadable = |e: std::io::Error| {
            Diagnostic::new(format!(
                "cannot read the folder `{}`: {e}",
                folder.display()
            ))
        };
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(unreadable)? {
            paths.push(entry.map_err(unreadable)?.path());
        }
        paths.sort();
        for path in paths {
            if path.extension().is_some_and(|e| e == "yaml") {
                let source = read_file(&path)?;
                same_name(&path, &source)?;
                self.take(source, true)?;
            }
        }
        Ok(())
    }

    fn take_embedded(&mut self, folder: &Dir<'_>) -> Result<(), Diagnostic> {
        for file in folder.files() {
            let text = file.contents_utf8().unwrap_or_default();
            if file.path().extension().is_some_and(|e| e == "yaml") {
                let path = format!("catalogue:/{}", file.path().display());
                self.take(Source::new(path, text), false)?;
            }
        }
        folder
            .dirs()
            .try_for_each(|inner| self.take_embedded(inner))
    }

    fn take(&mut self, source: Arc<Source>, own: bool) -> Result<(), Diagnostic> {
        let kind = read_kind(&source)?;
        let stem = Path::new(&source.path).file_stem().unwrap_or_default();
        let name = stem.to_string_lossy().into_owned();
        let listed = Listed {
            kind,
            name: name.clone(),
            source,
            own,
        };
        self.files.insert(name, listed);
        // A file may stand in for another, and a family for devices that were read before.
        self.parsed = Arc::default();
        Ok(())
    }

    /// Every file, by name.
    pub fn list(&self) -> impl Iterator<Item = &Listed> {
        self.files.values()
    }

    /// The names of one kind.
    pub fn names(&self, kind: Kind) -> Vec<&str> {
        let of_kind = self.files.values().filter(|f| f.kind == kind);
        of_kind.map(|f| f.name.as_str()).collect()
    }

    /// The names of one kind, the user's in front.
    pub fn own_first(&self, kind: Kind) -> Vec<&str> {
        let mut names = self.names(kind);
        names.sort_by_key(|name| !self.is_own(name));
        names
    }

    /// Whether an entry is the user's.
    pub fn is_own(&self, name: &str) -> bool {
        self.file(name).is_some_and(|listed| listed.own)
    }

    /// The file of a name, whatever its kind.
    pub fn file(&self, name: &str) -> Option<&Listed> {
        self.files.get(name)
    }

    /// The source of an entry of kind `T`.
    ///
    /// # Errors
    /// There is none of that name; the nearest name of its kind is suggested.
    pub fn source<T: Entry>(&self, name: &str) -> Result<Arc<Source>, Diagnostic> {
        match self.files.get(name) {
            Some(listed) if listed.kind == T::KIND => Ok(Arc::clone(&listed.source)),
            Some(listed) => Err(Diagnostic::new(format!(
                "`{name}` is not a {} but a {}",
                noun(T::KIND),
                noun(listed.kind)
            ))),
            None => Err(
                Diagnostic::new(format!("unknown {} `{name}`", noun(T::KIND)))
                    .suggest(name, self.names(T::KIND)),
            ),
        }
    }

    /// An entry of kind `T`; each is parsed once.
    ///
    /// # Errors
    /// There is none of that name, or its file does not parse.
    pub fn get<T: Entry>(&self, name: &str) -> Result<Arc<T>, Diagnostic> {
        if let Some(known) = self.parsed.entry(name) {
            return Ok(known);
        }
        let entry = self.read::<T>(name)?;
        self.parsed.keep_entry(name, &entry);
        Ok(entry)
    }

    fn read<T: Entry>(&self, name: &str) -> Result<Arc<T>, Diagnostic> {
        let source = self.source::<T>(name)?;
        let entry: T = parse(&source)?;
        // What another file would have to complete goes by the architecture.
        let placed = |diagnostic: Diagnostic| match read_architecture(&source) {
            Ok(known) if diagnostic.place.is_none() => diagnostic.at(source.place(&known)),
            _ => diagnostic,
        };
        entry.complete(self).map(Arc::new).map_err(placed)
    }

    /// The family that speaks for an architecture.
    ///
    /// # Errors
    /// None does; `device` is the one that needs it.
    pub fn family(&self, device: &str, architecture: &str) -> Result<Arc<FamilySpec>, Diagnostic> {
        if let Some(known) = self.parsed.family(architecture) {
            return Ok(known);
        }
        let mut covered = Vec::new();
        for name in self.own_first(Kind::Family) {
            let family = self.get::<FamilySpec>(name)?;
            if family.covers.iter().any(|covers| covers == architecture) {
                self.parsed.keep_family(architecture, &family);
                return Ok(family);
            }
            covered.extend(family.covers.iter().cloned());
        }
        Err(Diagnostic::new(format!(
            "no family of the catalogue covers the architecture `{architecture}` of `{device}`"
        ))
        .suggest(architecture, covered.iter().map(String::as_str))
        .help("or give the device its own `achievable`, `attention`, memory share and `launch`"))
    }

    /// All GPUs and CPUs, to be found by what they are called; taken apart once.
    ///
    /// # Errors
    /// A device's file cannot be read.
    pub fn all_called(&self) -> Result<Arc<Called>, Diagnostic> {
        self.parsed.called(|| Called::new(self))
    }

    /// A GPU, CPU or switch of any kind.
    ///
    /// # Errors
    /// There is no device of that name; the nearest one is suggested.
    pub fn device(&self, name: &str) -> Result<AnyDevice, Diagnostic> {
        match self.files.get(name).map(|listed| listed.kind) {
            Some(Kind::Gpu) => self.get(name).map(AnyDevice::Gpu),
            Some(Kind::Cpu) => self.get(name).map(AnyDevice::Cpu),
            Some(Kind::Switch) => self.get(name).map(AnyDevice::Switch),
            Some(other) => Err(Diagnostic::new(format!(
                "`{name}` is not a device but a {}",
                noun(other)
            ))),
            None => {
                let kinds = [Kind::Gpu, Kind::Cpu, Kind::Switch];
                let valid = kinds.iter().flat_map(|kind| self.names(*kind));
                Err(Diagnostic::new(format!("unknown device `{name}`")).suggest(name, valid))
            }
        }
    }
}

/// Whether a file's name and the name in it are the same.
fn same_name(path: &Path, source: &Arc<Source>) -> Result<(), Diagnostic> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    if !is_name(&stem) {
        return Err(no_name(&stem).help("a catalogue file is called as the entry in it"));
    }
    match read_name(source)? {
        Some(name) if *name != *stem => Err(Diagnostic::new(format!(
            "the file is called `{stem}`, but what is in it `{}`",
            name.value
        ))
        .at(source.place(&name))
        .help(format!(
            "entries are found by their file's name: call it `{}.yaml`, or give both another",
            name.value
        ))),
        _ => Ok(()),
    }
}

/// What a kind is called in a message.
pub(super) fn noun(kind: Kind) -> &'static str {
    match kind {
        Kind::Gpu => "GPU",
        Kind::Cpu => "CPU",
        Kind::Switch => "switch",
        Kind::Family => "device family",
        Kind::Link => "link",
        Kind::Model => "model",
        Kind::Framework => "framework",
        Kind::Library => "communication library",
        Kind::Campaign => "measuring campaign",
        Kind::Accuracy => "record of accuracy",
        Kind::Topology => "topology",
        Kind::Training | Kind::Inference | Kind::Flows => "workload",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::GpuSpec;

    #[test]
    fn what_was_read_is_read_anew_when_a_file_comes_in_front() {
        let mut catalog = Catalog::shipped().expect("shipped");
        let before = catalog.get::<GpuSpec>("l40s").expect("a GPU");
        let again = catalog.clone().get::<GpuSpec>("l40s").expect("a GPU");
        assert!(Arc::ptr_eq(&before, &again));
        let family = "kind: family\nname: mine\ntitle: Mine\ncovers: [ada]\n\
                      achievable: {value: 0.5, source: t}\nattention: {value: 0.5, source: t}\n\
                      memory: {value: 0.25, source: t}\nlaunch: {value: 2 us, source: t}\n";
        let shipped = catalog.clone();
        catalog
            .take(Source::new("mine.yaml", family), true)
            .expect("a family");
        let name = |catalog: &Catalog| catalog.family("l40s", "ada").map(|f| f.name.clone());
        assert_eq!(name(&catalog).expect("covered"), "mine");
        assert_eq!(name(&shipped).expect("covered"), "ada");
        assert!(shipped.get::<FamilySpec>("mine").is_err());
    }
}
