//! Every figure of every shipped file says where it comes from.

use serde_json::{Map, Value};
use std::collections::BTreeSet;

use super::written;

/// Where in the sources under `read-in` the figures stand, in the same order: it belongs to that
/// key and is cited with it.
const PLACES: (&str, &str) = ("read-at", "read-in");

/// Calls `visit` with every figure below a value: what has a source or a value and a source's
/// place to say it.
fn figures(value: &Value, place: &str, visit: &mut impl FnMut(&str, &Map<String, Value>)) {
    match value {
        Value::Object(map) => {
            // A model's own `source` is the text itself.
            let whole_file = place.is_empty();
            if !whole_file && (map.contains_key("source") || map.contains_key("value")) {
                visit(place, map);
            }
            for (key, inner) in map
                .iter()
                .filter(|(key, _)| !(whole_file && *key == "sources"))
            {
                figures(inner, &format!("{place}.{key}"), visit);
            }
        }
        Value::Array(list) => {
            for (at, inner) in list.iter().enumerate() {
                figures(inner, &format!("{place}[{at}]"), visit);
            }
        }
        _ => {}
    }
}

/// The keys of a file's `sources`.
fn keys(file: &Value) -> BTreeSet<&str> {
    let sources = file["sources"].as_object();
    sources.map_or_else(BTreeSet::new, |map| {
        map.keys().map(String::as_str).collect()
    })
}

#[test]
fn sources_are_keys_of_the_file_or_estimates_with_their_reasoning() {
    let mut seen = 0;
    for (path, file) in written("") {
        let keys = keys(&file);
        figures(&file, "", &mut |place, figure| {
            seen += 1;
            let place = format!("{}{place}", path.display());
            let source = figure.get("source").and_then(Value::as_str);
            let source = source.unwrap_or_else(|| panic!("{place}: no source"));
            let estimate = figure.get("estimate") == Some(&Value::Bool(true));
            assert_eq!(source == "estimate", estimate, "{place}: {source}");
            assert!(estimate || keys.contains(source), "{place}: {source}");
            let note = figure.get("note").and_then(Value::as_str);
            assert!(
                !estimate || note.is_some_and(|note| !note.is_empty()),
                "{place}: no note"
            );
        });
    }
    assert!(seen > 2000, "{seen}");
}

/// Files about measurements (`campaigns`) also list what was read and found to change nothing.
#[test]
fn every_source_is_cited() {
    let (place, of) = PLACES;
    for (path, file) in written("") {
        let mut cited = BTreeSet::new();
        figures(&file, "", &mut |_, figure| {
            cited.extend(
                figure
                    .get("source")
                    .and_then(Value::as_str)
                    .map(String::from),
            );
        });
        if cited.contains(of) {
            cited.insert(place.to_string());
        }
        let mut left = keys(&file).into_iter().filter(|key| !cited.contains(*key));
        let campaign = file["kind"] == "campaign";
        assert!(
            campaign || left.next().is_none(),
            "{path:?}: {:?}",
            keys(&file)
        );
    }
}
