//! Reading a Hugging Face `config.json`.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::path::Path;
use std::sync::Arc;

use crate::spec::{Activation, Diagnostic, ModelSpec, Norm, Place, Position, Source, wrong_type};

/// What every configuration says first.
#[derive(Deserialize)]
struct TypeLine {
    model_type: String,
}

/// GPT-2 and what shares its names.
#[derive(Deserialize)]
struct Gpt2 {
    n_layer: u32,
    n_embd: u32,
    n_head: u32,
    n_inner: Option<u32>,
    n_positions: u32,
    vocab_size: u32,
    #[serde(default = "gelu_new")]
    activation_function: String,
    #[serde(default = "yes")]
    tie_word_embeddings: bool,
}

/// Llama, Mistral, Qwen2: one set of names.
#[derive(Deserialize)]
struct Llama {
    num_hidden_layers: u32,
    hidden_size: u32,
    num_attention_heads: u32,
    num_key_value_heads: Option<u32>,
    head_dim: Option<u32>,
    intermediate_size: u32,
    max_position_embeddings: u32,
    vocab_size: u32,
    #[serde(default = "silu")]
    hidden_act: String,
    #[serde(default)]
    tie_word_embeddings: bool,
    #[serde(default)]
    attention_bias: bool,
    #[serde(default)]
    mlp_bias: bool,
}

fn gelu_new() -> String {
    "gelu_new".into()
}

fn silu() -> String {
    "silu".into()
}

fn yes() -> bool {
    true
}

/// The families that are understood.
const SUPPORTED: [&str; 4] = ["gpt2", "llama", "mistral", "qwen2"];

/// Reads the shape of a dense decoder from a `config.json`.
///
/// Absent keys mean what the `transformers` library takes them to mean: as many key/value heads as
/// heads, embeddings tied in GPT-2 and not in the others, a feed-forward width of 4 · hidden in
/// GPT-2. Sliding windows are not read. The model is named after its file, or after the folder of
/// a file called `config.json`.
///
/// # Errors
/// Text that is not JSON, an unknown `model_type` or activation, a missing or ill-typed key.
pub fn from_config(source: &Arc<Source>) -> Result<ModelSpec, Diagnostic> {
    let TypeLine { model_type } = read(source)?;
    match model_type.as_str() {
        "gpt2" => gpt2(source, read(source)?),
        "llama" | "mistral" | "qwen2" => llama(source, read(source)?),
        other => Err(
            Diagnostic::new(format!("model type `{other}` is not supported"))
                .help(format!("supported: {}", SUPPORTED.join(", ")))
                .at(place_of(source, "model_type")),
        ),
    }
}

fn gpt2(source: &Arc<Source>, config: Gpt2) -> Result<ModelSpec, Diagnostic> {
    let activation = match config.activation_function.as_str() {
        "relu" => Activation::Relu,
        name if name.starts_with("gelu") => Activation::Gelu,
        name => return Err(unknown_activation(source, "activation_function", name)),
    };
    Ok(ModelSpec {
        kind: "model".into(),
        name: name_of(source),
        title: String::new(),
        source: source.path.clone(),
        layers: config.n_layer,
        hidden: config.n_embd,
        heads: config.n_head,
        kv_heads: config.n_head,
        head_dim: None,
        ffn: config
            .n_inner
            .unwrap_or_else(|| config.n_embd.saturating_mul(4)),
        vocabulary: config.vocab_size,
        max_sequence: config.n_positions,
        activation,
        norm: Norm::Layernorm,
        position: Position::Learned,
        tied_embeddings: config.tie_word_embeddings,
        biases: true,
    })
}

fn llama(source: &Arc<Source>, config: Llama) -> Result<ModelSpec, Diagnostic> {
    let activation = match config.hidden_act.as_str() {
        "silu" | "swish" => Activation::Swiglu,
        name if name.starts_with("gelu") => Activation::Geglu,
        name => return Err(unknown_activation(source, "hidden_act", name)),
    };
    Ok(ModelSpec {
        kind: "model".into(),
        name: name_of(source),
        title: String::new(),
        source: source.path.clone(),
        layers: config.num_hidden_layers,
        hidden: config.hidden_size,
        heads: config.num_attention_heads,
        kv_heads: config
            .num_key_value_heads
            .unwrap_or(config.num_attention_heads),
        head_dim: config.head_dim,
        ffn: config.intermediate_size,
        vocabulary: config.vocab_size,
        max_sequence: config.max_position_embeddings,
        activation,
        norm: Norm::Rmsnorm,
        position: Position::Rope,
        tied_embeddings: config.tie_word_embeddings,
        // Qwen2 has biases on QKV alone, 0.002 % of its weights: nearer to none than to all.
        biases: config.attention_bias && config.mlp_bias,
    })
}

/// Parses the text as `T`, with the parser's line and column as the place of an error.
fn read<T: DeserializeOwned>(source: &Arc<Source>) -> Result<T, Diagnostic> {
    serde_json::from_str(&source.text).map_err(|error| {
        let text = error.to_string();
        let message = text.split(" at line ").next().unwrap_or(&text).to_string();
        let start = offset(&source.text, error.line(), error.column());
        let message = match message.strip_prefix("missing field ") {
            Some(name) => format!("the key {name} is missing"),
            None if source.text.trim().is_empty() => "the file is empty".to_string(),
            None if error.is_eof() => "the file ends too early".to_string(),
            None if message == "expected value" => "expected a value".to_string(),
            None => message,
        };
        let found = message.strip_prefix("invalid type: ");
        let found = found.or_else(|| message.strip_prefix("invalid value: "));
        let diagnostic = match found.and_then(|found| found.split_once(", expected ")) {
            Some((found, expected)) => wrong_type(found, expected),
            None => Diagnostic::new(message),
        };
        let diagnostic = diagnostic.at(Place {
            source: Arc::clone(source),
            span: start..start + 1,
        });
        match error.classify() {
            serde_json::error::Category::Data => {
                diagnostic.help("expected the config.json of a Hugging Face model")
            }
            _ => diagnostic.help("the file is not valid JSON"),
        }
    })
}

/// Byte offset of a line and column, both counted from one.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let before = text.split_inclusive('\n').take(line.saturating_sub(1));
    before.map(str::len).sum::<usize>() + column.saturating_sub(1)
}

fn unknown_activation(source: &Arc<Source>, key: &str, name: &str) -> Diagnostic {
    Diagnostic::new(format!("activation `{name}` is not supported"))
        .help("supported: silu, gelu and its variants; relu in gpt2")
        .at(place_of(source, key))
}

/// The place of a key, or the file's beginning where it is absent.
fn place_of(source: &Arc<Source>, key: &str) -> Place {
    let quoted = format!("\"{key}\"");
    let span = match source.text.find(&quoted) {
        Some(start) => start..start + quoted.len(),
        None => 0..0,
    };
    Place {
        source: Arc::clone(source),
        span,
    }
}

fn name_of(source: &Source) -> String {
    let path = Path::new(&source.path);
    let named = match path.file_name().and_then(|name| name.to_str()) {
        Some("config.json") => path.parent().and_then(Path::file_name),
        _ => path.file_stem(),
    };
    named
        .and_then(|name| name.to_str())
        .unwrap_or("model")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::super::Transformer;
    use super::*;

    const MISTRAL: &str = r#"{
  "model_type": "mistral",
  "hidden_act": "silu",
  "hidden_size": 4096,
  "intermediate_size": 14336,
  "max_position_embeddings": 32768,
  "num_attention_heads": 32,
  "num_hidden_layers": 32,
  "num_key_value_heads": 8,
  "sliding_window": 4096,
  "vocab_size": 32000
}"#;

    fn load(text: &str) -> Result<ModelSpec, Diagnostic> {
        from_config(&Source::new("models/mistral-7b/config.json", text))
    }

    #[test]
    fn mistral_7b() {
        let spec = load(MISTRAL).expect("valid");
        assert_eq!(spec.name, "mistral-7b");
        assert_eq!((spec.kv_heads, spec.tied_embeddings), (8, false));
        let model = Transformer::new(spec).expect("valid");
        assert_eq!(model.parameters(), 7_241_732_096);
    }

    #[test]
    fn gpt2_small_with_its_defaults() {
        let text = r#"{"model_type": "gpt2", "n_layer": 12, "n_embd": 768, "n_head": 12,
            "n_inner": null, "n_positions": 1024, "vocab_size": 50257}"#;
        let model = Transformer::new(load(text).expect("valid")).expect("valid");
        assert_eq!(model.parameters(), 124_439_808);
    }

    #[test]
    fn absent_kv_heads_mean_all_heads() {
        let text = MISTRAL.replace("  \"num_key_value_heads\": 8,\n", "");
        assert_eq!(load(&text).expect("valid").kv_heads, 32);
    }

    #[test]
    fn faults_name_the_key_and_the_line() {
        let rendered = |text: &str| load(text).expect_err("invalid").render();
        let missing = rendered(&MISTRAL.replace("hidden_size", "hiden_size"));
        assert!(
            missing.contains("the key `hidden_size` is missing"),
            "{missing}"
        );
        let wrong = rendered(&MISTRAL.replace("14336", "\"many\""));
        assert!(wrong.contains("config.json:5"), "{wrong}");
        let unknown = rendered(&MISTRAL.replace("\"mistral\"", "\"mamba\""));
        assert!(unknown.contains("gpt2, llama, mistral, qwen2"), "{unknown}");
        assert!(unknown.contains("config.json:2"), "{unknown}");
        let broken = rendered(&MISTRAL.replace("\"silu\",", "\"silu\""));
        assert!(broken.contains("config.json:4"), "{broken}");
        let act = rendered(&MISTRAL.replace("silu", "tanh"));
        assert!(act.contains("activation `tanh`"), "{act}");
    }
}
