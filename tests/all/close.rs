//! One rule for comparing floats: relative, and both numbers printed.

/// Asserts that two numbers agree to a relative tolerance.
#[track_caller]
pub fn assert_close(actual: f64, expected: f64, relative: f64) {
    let scale = expected.abs().max(actual.abs());
    assert!(
        (actual - expected).abs() <= relative * scale,
        "{actual} is not {expected} within {relative:e} (off by {:e})",
        (actual - expected).abs() / scale
    );
}
