//! Deterministic CBOR, read a second way: an oracle for the decoders, which knows nothing of them.
//!
//! Source: RFC 8949, section 4.2.1, as far as this project uses it: unsigned numbers, byte strings, texts, arrays, null.

/// Whether `bytes` are exactly one such value, every number and length in its shortest form.
#[must_use]
pub fn is_deterministic(bytes: &[u8]) -> bool {
    let mut left: u64 = 1;
    let mut rest = bytes;
    while left > 0 {
        let Some((major, number, after)) = head(rest) else { return false };
        left -= 1;
        rest = after;
        match major {
            0 => {}
            2 | 3 => {
                let Ok(length) = usize::try_from(number) else { return false };
                let Some((inside, after)) = rest.split_at_checked(length) else { return false };
                if major == 3 && std::str::from_utf8(inside).is_err() {
                    return false;
                }
                rest = after;
            }
            4 => {
                // More items than bytes cannot be.
                if number > rest.len() as u64 {
                    return false;
                }
                left += number;
            }
            7 if number == 22 => {}
            _ => return false,
        }
    }
    rest.is_empty()
}

/// The major type and the number of the item at the front, and what comes after. None if its form is not the shortest.
fn head(bytes: &[u8]) -> Option<(u8, u64, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let (major, short) = (first >> 5, first & 31);
    let width = match short {
        0..24 => return Some((major, u64::from(short), rest)),
        24..28 => 1 << (short - 24),
        _ => return None,
    };
    let (number, rest) = rest.split_at_checked(width)?;
    let number = number.iter().fold(0, |sum: u64, byte| sum << 8 | u64::from(*byte));
    let shortest = match width {
        1 => number >= 24,
        2 => number > 0xff,
        4 => number > 0xffff,
        _ => number > 0xffff_ffff,
    };
    shortest.then_some((major, number, rest))
}
