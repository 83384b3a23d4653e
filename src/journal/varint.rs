//! Variable-length integers: seven bits a byte, least significant first, signs folded in by zigzag, so that a number
//! near zero takes one byte (the encoding of Protocol Buffers, "Base 128 Varints" and "Signed Integers").

use super::columns::Malformed;

/// Folds the sign into the lowest bit: 0, -1, 1, -2 become 0, 1, 2, 3.
const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

const fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Appends `value`.
#[inline]
pub fn put(out: &mut Vec<u8>, value: i64) {
    let mut rest = zigzag(value);
    if rest < 0x80 {
        return out.push(rest as u8);
    }
    let mut bytes = [0; 10];
    let mut length = 0;
    while rest >= 0x80 {
        bytes[length] = rest as u8 | 0x80;
        rest >>= 7;
        length += 1;
    }
    bytes[length] = rest as u8;
    out.extend_from_slice(&bytes[..=length]);
}

/// Takes a value from the front of `bytes`.
#[inline]
pub fn take(bytes: &mut &[u8]) -> Result<i64, Malformed> {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().take(10).enumerate() {
        if index == 9 && *byte > 1 {
            return Err(Malformed::Number);
        }
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            *bytes = &bytes[index + 1..];
            return Ok(unzigzag(value));
        }
    }
    Err(if bytes.len() < 10 { Malformed::Truncated } else { Malformed::Number })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn small_numbers_take_one_byte_and_endless_ones_are_refused() {
        let mut out = Vec::new();
        for value in [0, -1, 63, -64] {
            put(&mut out, value);
        }
        assert_eq!(out, [0, 1, 126, 127]);
        assert_eq!(take(&mut &[0x80; 9][..]), Err(Malformed::Truncated));
        assert_eq!(take(&mut &[0x80; 11][..]), Err(Malformed::Number));
    }

    proptest! {
        #[test]
        fn every_number_comes_back(value: i64, rest: Vec<u8>) {
            let mut out = Vec::new();
            put(&mut out, value);
            out.extend_from_slice(&rest);
            let mut input = &out[..];
            prop_assert_eq!(take(&mut input), Ok(value));
            prop_assert_eq!(input, &rest[..]);
        }
    }
}
