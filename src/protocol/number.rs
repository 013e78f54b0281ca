//! Whole numbers in text.

/// Reads a whole number that consists of decimal digits only. Returns `None` for an empty text, a sign,
/// white space, a separator, a fraction, and for a number that does not fit into `T`.
///
/// This function reads every number from outside: in headers, paths, queries, the configuration and the
/// command line. `str::parse` also accepts a plus sign. No format of ours has one, and other software might
/// read such a text differently.
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
    fn only_digits_are_a_number() {
        for wrong in
            ["", "+1", "-1", "-0", " 1", "1 ", "1\n", "1.0", "1e3", "0x1", "1_000", "1,000", "\u{661}"]
        {
            assert_eq!(decimal::<u64>(wrong), None, "{wrong:?}");
        }
        assert_eq!(decimal::<u32>("032"), Some(32));
    }

    #[test]
    fn the_type_sets_the_bounds() {
        assert_eq!((decimal::<u16>("65535"), decimal::<u16>("65536")), (Some(65_535), None));
        assert_eq!((decimal::<u32>("4294967295"), decimal::<u32>("4294967296")), (Some(u32::MAX), None));
        assert_eq!(decimal::<u64>("18446744073709551615"), Some(u64::MAX));
        assert_eq!(decimal::<u64>("18446744073709551616"), None);
        assert_eq!(decimal::<u64>(&"9".repeat(1000)), None);
    }

    proptest! {
        #[test]
        fn every_written_number_can_be_read(number in any::<u64>()) {
            prop_assert_eq!(decimal(&number.to_string()), Some(number));
        }
    }
}
