//! Real machines from what their tools print.
//!
//! In: the text of `nvidia-smi topo -m`, or the XML that NCCL and RCCL write
//! (`NCCL_TOPO_DUMP_FILE`). Out: a topology file as YAML, with a sentence for everything that the
//! dump does not say and that had to be assumed; each assumption can be overridden.

mod draft;
mod smi;
mod xml;

use std::collections::BTreeMap;

use crate::spec::Diagnostic;

/// Catalogue names that replace what an importer would assume.
#[derive(Debug, Clone, Default)]
pub struct Assume(BTreeMap<String, String>);

/// What can be overridden.
const KEYS: [&str; 6] = ["gpu", "cpu", "pcie", "gpu-link", "socket", "nics"];

impl Assume {
    /// From `key=value` texts.
    ///
    /// # Errors
    /// A text without `=`, or an unknown key.
    pub fn parse(texts: &[String]) -> Result<Self, Diagnostic> {
        let mut known = BTreeMap::new();
        for text in texts {
            let (key, value) = text.split_once('=').ok_or_else(|| {
                Diagnostic::new(format!("`{text}` is not `key=value`"))
                    .help(format!("keys: {}", KEYS.join(", ")))
            })?;
            if !KEYS.contains(&key) {
                return Err(
                    Diagnostic::new(format!("unknown assumption `{key}`")).suggest(key, KEYS)
                );
            }
            known.insert(key.to_string(), value.to_string());
        }
        Ok(Self(known))
    }

    /// The user's word for a key.
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }
}

/// The topology file of a dump, as YAML.
///
/// # Errors
/// The text is neither form, or contradicts itself.
pub fn import(text: &str, name: &str, assume: &Assume) -> Result<String, Diagnostic> {
    let like_xml = text.trim_start().starts_with('<');
    let draft = match like_xml {
        true => xml::read(text, assume)?,
        false => smi::read(text, assume)?,
    };
    Ok(draft.yaml(name))
}
