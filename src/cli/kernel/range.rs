//! Values of one size, as they are written: a number, a list, or a range.

/// The values of one size.
pub(super) type Sizes = std::sync::Arc<[u64]>;

/// Most shapes of one call.
pub(super) const MOST_SHAPES: usize = 1 << 20;

/// Largest single size; beyond it a shape is a slip of the pen.
const MOST: u64 = 1 << 32;

/// A size: `4096`, `1,2,4`, `1..8192*2` or `64..512+64`.
pub(super) fn parse(text: &str) -> Result<Sizes, String> {
    let wrong = || {
        format!("`{text}` is no size; expected such as 4096, `1,2,4`, `1..8192*2` or `64..512+64`")
    };
    let number = |part: &str| {
        let value = part.trim().parse::<u64>().map_err(|_| wrong())?;
        match value {
            0 => Err("a size of 0 leaves nothing to compute".to_string()),
            value if value > MOST => Err(format!("{value} is too large: at most {MOST}")),
            value => Ok(value),
        }
    };
    let Some((first, rest)) = text.split_once("..") else {
        let list: Result<Vec<u64>, String> = text.split(',').map(number).collect();
        return list.map(Into::into);
    };
    let first = number(first)?;
    let (last, step): (u64, Box<dyn Fn(u64) -> Option<u64>>) =
        if let Some((last, by)) = rest.split_once('*') {
            let by = number(by)?;
            if by < 2 {
                return Err(format!(
                    "`{text}` does not grow: expected a factor of 2 or more"
                ));
            }
            (number(last)?, Box::new(move |value| value.checked_mul(by)))
        } else if let Some((last, by)) = rest.split_once('+') {
            let by = number(by)?;
            (number(last)?, Box::new(move |value| value.checked_add(by)))
        } else {
            (number(rest)?, Box::new(|value| value.checked_mul(2)))
        };
    if last < first {
        return Err(format!("`{text}` ends before it begins"));
    }
    let next = |value: &u64| step(*value).filter(|next| *next <= last);
    let all: Vec<u64> = std::iter::successors(Some(first), next)
        .take(MOST_SHAPES + 1)
        .collect();
    Ok(all.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_numbers_lists_and_ranges() {
        let of = |text| parse(text).map(|list| list.to_vec());
        assert_eq!(of("4096"), Ok(vec![4096]));
        assert_eq!(of("1,2,4"), Ok(vec![1, 2, 4]));
        assert_eq!(of("1..8*2"), Ok(vec![1, 2, 4, 8]));
        assert_eq!(of("1..8"), Ok(vec![1, 2, 4, 8]));
        assert_eq!(of("64..200+64"), Ok(vec![64, 128, 192]));
        assert!(of("0").is_err());
        assert!(of("8..1*2").is_err());
        assert!(of("1..8*1").is_err());
        assert_eq!(of("4294967296..4294967296*4294967296"), Ok(vec![1 << 32]));
        assert!(of("x").is_err());
        assert!(of("99999999999").is_err());
    }
}
