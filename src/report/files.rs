//! Output files: whole or not at all.

use std::io::Write;
use std::path::Path;

use crate::spec::Diagnostic;

/// Makes sure that a folder exists and can be written to, before any long work.
///
/// # Errors
/// It cannot be made or written to, or a file of that name is in the way.
pub fn prepare(folder: &Path) -> Result<(), Diagnostic> {
    let fail = |e: std::io::Error| {
        Diagnostic::new(format!(
            "cannot write to the folder `{}`: {e}",
            folder.display()
        ))
        .help("give another folder with `-o`")
    };
    if folder.exists() && !folder.is_dir() {
        let message = format!("`{}` is a file, not a folder", folder.display());
        return Err(Diagnostic::new(message).help("give another folder with `-o`"));
    }
    std::fs::create_dir_all(folder).map_err(fail)?;
    tempfile::tempfile_in(folder).map_err(fail)?;
    Ok(())
}

/// Writes all files of a report into a folder. All are written beside their places before the
/// first is moved there, so that a reader sees the whole report or what was there before.
///
/// # Errors
/// A file cannot be written or moved.
pub fn write_all(folder: &Path, files: &[(String, Vec<u8>)]) -> Result<(), Diagnostic> {
    let mut staged = Vec::new();
    for (name, bytes) in files {
        let path = folder.join(name);
        let fail = |e: std::io::Error| cannot_write(&path, &e);
        if path.is_dir() {
            return Err(cannot_write(&path, &"a folder of that name is there"));
        }
        let mut file = tempfile::Builder::new()
            .prefix(".narrows-")
            .tempfile_in(folder)
            .map_err(fail)?;
        file.write_all(bytes).map_err(fail)?;
        make_readable(&file).map_err(fail)?;
        staged.push((file, path));
    }
    for (file, path) in staged {
        file.persist(&path)
            .map_err(|e| cannot_write(&path, &e.error))?;
    }
    Ok(())
}

fn cannot_write(path: &Path, why: &dyn std::fmt::Display) -> Diagnostic {
    Diagnostic::new(format!("cannot write `{}`: {why}", path.display()))
        .help("give another folder with `-o`")
}

/// Temporary files are private; a report is for everyone.
#[cfg(unix)]
fn make_readable(file: &tempfile::NamedTempFile) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.as_file()
        .set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn make_readable(_: &tempfile::NamedTempFile) -> std::io::Result<()> {
    Ok(())
}
