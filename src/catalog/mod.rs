//! What is known: devices, links, models, software, machines and workloads as YAML files.
//!
//! In: names. Out: parsed entries. The files travel inside the binary; a folder of the user's own
//! files comes first. Knows files and names, not what the figures mean.

mod called;
mod entry;
mod files;
mod load;
mod parsed;

pub use called::{Called, Unclear};
pub use entry::{AnyDevice, Entry};
pub use files::{Catalog, Listed};
pub use load::{is_path, load, read_file};
