//! Models: in place, and from Hugging Face.

use super::{Case, TRAIN, messages, with, workload};

/// A model in place.
const MODEL: &str = "\
model:
  kind: model
  name: tiny
  source: none
  layers: 2
  hidden: 64
  heads: 4
  kv_heads: 4
  ffn: 256
  vocabulary: 1000
  max_sequence: 1024
  activation: gelu
  norm: layernorm
  position: learned
  tied_embeddings: true
";

/// A case of a Hugging Face `config.json`.
fn config<'a>(what: &'a str, text: &str, words: &[&'a str]) -> Case<'a> {
    Case {
        what,
        files: vec![
            ("w.yaml", with(TRAIN, "gpt3-125m", "config.json")),
            ("config.json", text.into()),
        ],
        args: vec!["run", "dgx-a100-80gb", "w.yaml"],
        words: words.to_vec(),
    }
}

#[test]
fn models() {
    let tiny = format!("{}{MODEL}", with(TRAIN, "model: gpt3-125m\n", ""));
    let m = |from, to| with(&tiny, from, to);
    let llama = r#"{
  "model_type": "llama",
  "hidden_size": 64,
  "intermediate_size": 256,
  "max_position_embeddings": 1024,
  "num_attention_heads": 4,
  "num_hidden_layers": 2,
  "vocab_size": 1000
}"#;
    let c = |from, to| with(llama, from, to);
    let cases = [
        workload(
            "layers 0",
            m("layers: 2", "layers: 0"),
            &["w.yaml:11", "layers", "1 to"],
        ),
        workload(
            "layers huge",
            m("layers: 2", "layers: 4000000"),
            &["w.yaml:11", "layers"],
        ),
        workload(
            "hidden 0",
            m("hidden: 64", "hidden: 0"),
            &["w.yaml", "hidden"],
        ),
        workload(
            "heads too wide",
            m("heads: 4", "head_dim: 99999\n  heads: 99999").replacen(
                "kv_heads: 4",
                "kv_heads: 1",
                1,
            ),
            &["w.yaml:13", "wide"],
        ),
        workload("heads 3", m("heads: 4", "heads: 3"), &["w.yaml", "heads"]),
        workload("heads 0", m("heads: 4", "heads: 0"), &["w.yaml", "heads"]),
        workload(
            "kv_heads 3",
            m("kv_heads: 4", "kv_heads: 3"),
            &["w.yaml", "key/value heads"],
        ),
        workload(
            "kv_heads 0",
            m("kv_heads: 4", "kv_heads: 0"),
            &["w.yaml", "kv_heads"],
        ),
        workload(
            "unknown key",
            m("hidden:", "hiden:"),
            &["w.yaml:12", "`hidden`"],
        ),
        workload(
            "unknown activation",
            m("gelu", "gelo"),
            &["w.yaml:18", "`gelu`"],
        ),
        workload(
            "word for a bool",
            m("embeddings: true", "embeddings: perhaps"),
            &["w.yaml:21"],
        ),
        workload(
            "model a list",
            with(TRAIN, "gpt3-125m", "[gpt3-125m]"),
            &["w.yaml:3"],
        ),
        config("empty", "", &["config.json", "JSON"]),
        config("not JSON", "layers: 3\n", &["config.json:1", "JSON"]),
        config("a list", "[1, 2]", &["config.json:1"]),
        config("cut off", &llama[..60], &["config.json", "JSON"]),
        config(
            "unknown type",
            &c("llama", "mamba"),
            &["config.json:2", "`mamba`", "llama"],
        ),
        config(
            "no type",
            &c("\"model_type\"", "\"type\""),
            &["config.json", "`model_type`"],
        ),
        config(
            "missing key",
            &c("hidden_size", "hiden_size"),
            &["config.json", "`hidden_size`"],
        ),
        config(
            "layers 0",
            &c("layers\": 2", "layers\": 0"),
            &["config.json:7", "layers"],
        ),
        config(
            "layers -2",
            &c("layers\": 2", "layers\": -2"),
            &["config.json:7", "-2"],
        ),
        config(
            "a word",
            &c("\": 64", "\": \"64\""),
            &["config.json:3", "64"],
        ),
        config(
            "heads 3",
            &c("heads\": 4", "heads\": 3"),
            &["config.json", "heads"],
        ),
        config("1e999", &c("\": 64", "\": 1e999"), &["config.json:3"]),
        config("deep", &"[".repeat(100_000), &["config.json"]),
        workload(
            "no file",
            with(TRAIN, "gpt3-125m", "x/config.json"),
            &["w.yaml:3", "x/config.json"],
        ),
    ];
    snapshot!(messages(&cases));
}
