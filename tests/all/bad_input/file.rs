//! What may stand where a file should.

use std::fmt::Write;

use crate::cli::{folder, narrows, write};

use super::stable;

/// A folder of files that are none of ours.
fn odd_files() -> tempfile::TempDir {
    let dir = folder(&[
        ("empty.yaml", ""),
        ("list.yaml", "- a\n- b\n"),
        ("two.yaml", "---\na: 1\n---\nb: 2\n"),
    ]);
    let path = dir.path();
    write(path, "latin1.yaml", b"kind: topology\nname: caf\xe9\n");
    write(path, "zeros.yaml", &[0; 4096]);
    write(path, "utf16.yaml", b"\xff\xfek\0i\0n\0d\0");
    write(path, "bom.yaml", "\u{feff}kind: topologie\n".as_bytes());
    std::fs::File::create(path.join("huge.yaml"))
        .unwrap()
        .set_len(100 << 20)
        .unwrap();
    write(path, "folder.yaml/x", b"");
    let laughs: String = (1..10).fold("a0: &a0 [x, x]\n".into(), |text: String, i| {
        let all = vec![format!("*a{}", i - 1); 10].join(", ");
        format!("{text}a{i}: &a{i} [{all}]\n")
    });
    write(
        path,
        "laughs.yaml",
        format!("kind: topology\nname: m\n{laughs}").as_bytes(),
    );
    let assumes = format!(
        "kind: topology\nname: m\nassumes: &a [x]\ndevices: {}\n",
        "[*a]"
    );
    write(path, "alias.yaml", assumes.as_bytes());
    write(
        path,
        "deep.yaml",
        format!("kind: topology\nname: {}", "[".repeat(100_000)).as_bytes(),
    );
    let flow = "{a: ".repeat(100_000);
    write(
        path,
        "deepmap.yaml",
        format!("kind: topology\ndevices: {flow}").as_bytes(),
    );
    write(path, "dash.yaml", "- ".repeat(100_000).as_bytes());
    write(
        path,
        "longline.yaml",
        format!("kind: {}", "x".repeat(1 << 20)).as_bytes(),
    );
    dir
}

#[test]
fn kinds_of_file() {
    let dir = odd_files();
    let path = dir.path();
    let mut text = String::new();
    for (name, word) in [
        ("empty.yaml", "empty"),
        ("list.yaml", "list.yaml:1"),
        ("two.yaml", "two.yaml"),
        ("latin1.yaml", "UTF-8"),
        ("zeros.yaml", "zeros.yaml"),
        ("utf16.yaml", "UTF-8"),
        ("bom.yaml", "`topology`"),
        ("huge.yaml", "100"),
        ("folder.yaml", "folder"),
        ("laughs.yaml", "laughs.yaml"),
        ("alias.yaml", "alias.yaml:4"),
        ("deep.yaml", "deep.yaml:2"),
        ("deepmap.yaml", "deepmap.yaml:2"),
        ("dash.yaml", "dash.yaml:1"),
        ("longline.yaml", "longline.yaml:1"),
        ("/dev/zero", "/dev/zero"),
        ("/dev/null", "/dev/null"),
        ("./absent.yaml", "absent.yaml"),
    ] {
        let run = narrows(path, &["topo", "show", name]);
        let _ = writeln!(text, "## {name}\n{}", stable(&run.stderr));
        assert_eq!(run.code, 2, "{name}: {}", run.stderr);
        assert!(run.stderr.contains(word), "{name}: {}", run.stderr);
        assert!(
            run.stderr.len() < 2000,
            "{name}: {} bytes",
            run.stderr.len()
        );
        let csv = format!("kind: flows\nname: f\ncsv: {{file: {name}}}\n");
        write(path, "w.yaml", csv.as_bytes());
        let run = narrows(path, &["run", "dgx-a100-80gb", "w.yaml"]);
        assert_eq!(run.code, 2, "{name} as CSV: {}", run.stderr);
        assert!(
            run.stderr.len() < 2000,
            "{name} as CSV: {} bytes",
            run.stderr.len()
        );
    }
    snapshot!(text);
}
