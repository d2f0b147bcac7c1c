//! Sizes as nccl-tests takes them: `8`, `64K`, `1M`, `8G` (powers of 1024), or with a unit.

use crate::spec::Diagnostic;
use crate::units::Bytes;

/// A size in bytes.
pub fn parse(text: &str) -> Result<u64, String> {
    let binary = |suffix: char| match suffix {
        'k' | 'K' => Some(1u64 << 10),
        'm' | 'M' => Some(1 << 20),
        'g' | 'G' => Some(1 << 30),
        't' | 'T' => Some(1 << 40),
        _ => None,
    };
    let text = text.trim();
    let scale = text.chars().last().and_then(binary);
    let number = if scale.is_some() {
        &text[..text.len() - 1]
    } else {
        text
    };
    let bytes = match number.parse::<u64>() {
        Ok(number) => number.checked_mul(scale.unwrap_or(1)),
        Err(_) => text.parse::<Bytes>().ok().map(|bytes| bytes.0 as u64),
    };
    match bytes {
        Some(bytes) if (1..=1 << 50).contains(&bytes) => Ok(bytes),
        _ => Err(format!(
            "`{text}` is not a size; expected such as 8, 64K, 1M, 8G or `64 MiB`"
        )),
    }
}

/// From `begin` to `end`, each `factor` times the one before.
pub fn range(begin: u64, end: u64, factor: u64) -> Vec<u64> {
    let next = |size: &u64| size.checked_mul(factor).filter(|next| *next <= end);
    std::iter::successors(Some(begin), next).collect()
}

/// Checks a range.
pub fn checked_range(begin: u64, end: u64, factor: u64) -> Result<Vec<u64>, Diagnostic> {
    if begin > end {
        return Err(Diagnostic::new(format!(
            "the sizes begin at {begin} and end before, at {end}"
        )));
    }
    if factor < 2 {
        return Err(Diagnostic::new(format!(
            "a factor of {factor} does not lead from {begin} to {end}"
        ))
        .help("expected 2 or more"));
    }
    Ok(range(begin, end, factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_nccl_tests_reads_them() {
        assert_eq!(parse("8"), Ok(8));
        assert_eq!(parse("64K"), Ok(65536));
        assert_eq!(parse("8G"), Ok(8 << 30));
        assert_eq!(parse("64 MB"), Ok(64_000_000));
        assert!(parse("-1").is_err() && parse("0").is_err() && parse("99999999T").is_err());
        assert_eq!(range(8, 64, 2), vec![8, 16, 32, 64]);
    }
}
