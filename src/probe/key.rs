//! The secret that a cluster shares.

use hmac::{Hmac, KeyInit};
use sha2::Sha256;

use crate::hex;

/// Length of a cluster's key in bytes.
pub const KEY_BYTES: usize = 32;

/// A cluster's secret. It has no printable form, so that it is never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; KEY_BYTES]);

impl Key {
    /// The key with these bytes.
    pub const fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// Reads 64 hexadecimal digits; white space around them is ignored. `None` if the text is anything else.
    pub fn from_hex(text: &str) -> Option<Self> {
        hex::bytes(text.trim().as_bytes())?.try_into().ok().map(Self)
    }

    /// The key as 64 hexadecimal digits, for handing it to a child process.
    pub fn to_hex(&self) -> String {
        hex::text(&self.0)
    }

    /// HMAC-SHA-256 under this key, ready to take bytes.
    pub fn hmac(&self) -> Hmac<Sha256> {
        Hmac::new_from_slice(&self.0).expect("HMAC takes a key of any length")
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_from_hex_and_never_printed() {
        let key = Key::new([0xa5; KEY_BYTES]);
        assert_eq!(
            Key::from_hex(&format!(
                " {}
",
                key.to_hex()
            )),
            Some(key.clone())
        );
        assert_eq!(Key::from_hex("a5"), None);
        assert_eq!(Key::from_hex(&"g".repeat(64)), None);
        assert!(!format!("{key:?}").contains("a5"));
    }
}
