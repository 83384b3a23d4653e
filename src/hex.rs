//! Bytes as hexadecimal digits, two each.

/// The digits of `bytes`, in lower case.
pub fn text(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

/// The bytes of `digits`, in either case. `None` if they are anything else, or their number is odd.
pub fn bytes(digits: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let byte = |pair: &[u8]| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?);
    digits.chunks(2).map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_comes_back_and_what_is_no_digit_is_refused() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!((bytes(text(&all).as_bytes()), text(&[0, 0x9a, 0xff])), (Some(all), "009aff".to_owned()));
        assert_eq!([&b"aB"[..], b"abc", b"0g", b""].map(bytes), [Some(vec![0xab]), None, None, Some(vec![])]);
    }
}
