//! Whole numbers, as they are written on the wire and by people.

/// Reads a whole number: decimal digits and nothing else. `None` for an empty text, a sign, white
/// space, a separator, a fraction, and for a number that `T` cannot hold.
///
/// Every number that comes from outside is read here: a header, a path, a query, a configuration, a
/// command line. `str::parse` takes a sign, which no grammar of ours has, so that another reader of
/// the same text might see another number, or none.
pub fn decimal<T: TryFrom<u64>>(text: &str) -> Option<T> {
    if text.is_empty() {
        return None;
    }
    let number = text.bytes().try_fold(0_u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| byte - b'0')?;
        number.checked_mul(10)?.checked_add(digit.into())
    });
    T::try_from(number?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn digits_and_nothing_else() {
        for wrong in
            ["", "+1", "-1", "-0", " 1", "1 ", "1\n", "1.0", "1e3", "0x1", "1_000", "1,000", "\u{661}"]
        {
            assert_eq!(decimal::<u64>(wrong), None, "{wrong:?}");
        }
        assert_eq!(decimal::<u32>("032"), Some(32));
    }

    #[test]
    fn bounds_are_those_of_the_type() {
        assert_eq!((decimal::<u16>("65535"), decimal::<u16>("65536")), (Some(65_535), None));
        assert_eq!((decimal::<u32>("4294967295"), decimal::<u32>("4294967296")), (Some(u32::MAX), None));
        assert_eq!(decimal::<u64>("18446744073709551615"), Some(u64::MAX));
        assert_eq!(decimal::<u64>("18446744073709551616"), None);
        assert_eq!(decimal::<u64>(&"9".repeat(1000)), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(number in any::<u64>()) {
            prop_assert_eq!(decimal(&number.to_string()), Some(number));
        }
    }
}
