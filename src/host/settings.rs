//! Configuration of the host programs: a TOML file and flags that say the same keys; a flag comes before the file.

use std::net::SocketAddr;
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, Error, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::program::Malformed;

/// The settings in the file at `path`; without one, none.
///
/// # Errors
/// A file that cannot be read; [`Malformed`] with line, key and reason, yet without the line's text: it might hold a
/// secret that has no business there.
pub fn load<T: DeserializeOwned + Default>(path: Option<&Path>) -> Result<T> {
    let Some(path) = path else { return Ok(T::default()) };
    let name = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("--config {name}: cannot be read"))?;
    parse(&text).map_err(|why| Malformed(format!("--config {name}, {why}")).into())
}

/// The settings in `text`.
///
/// # Errors
/// Line, key and reason.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    toml::from_str(text).map_err(|error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let key = text.lines().take(line).filter_map(|line| line.split_once('=')).last();
        let key = key.map_or_else(String::new, |(key, _)| format!(", key `{}`", key.trim()));
        format!("line {line}{key}: {}", error.message().replace('\n', " "))
    })
}

/// The error that refuses a value by key, value and mend.
pub fn refuse(key: &str, value: impl std::fmt::Display, mend: &str) -> Error {
    Malformed(format!("{key} `{value}`: {mend}")).into()
}

/// The value of a key that must be given.
///
/// # Errors
/// Names the key and the mend.
pub fn required<T>(key: &str, value: Option<T>, mend: &str) -> Result<T> {
    value.ok_or_else(|| Malformed(format!("{key}: not given in --config nor as a flag: {mend}")).into())
}

/// Checks that `text` reads `HOST:PORT`; whether the host exists is another matter.
///
/// # Errors
/// Names the key, the value and the mend.
pub fn host_and_port(key: &str, text: &str) -> Result<()> {
    let parts = text.rsplit_once(':');
    let fits = parts.is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0));
    if fits { Ok(()) } else { Err(refuse(key, text, "write a host and a port, such as 10.0.0.1:7300")) }
}

/// A cluster, by its number or by its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(try_from = "NumberOrName")]
pub struct Cluster(pub u64);

impl Default for Cluster {
    fn default() -> Self {
        Self::named("skewbench")
    }
}

impl Cluster {
    /// The cluster of this name: its number is the beginning of the name's SHA-256.
    pub fn named(name: &str) -> Self {
        let digest = Sha256::digest(name.as_bytes());
        Self(digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }
}

impl FromStr for Cluster {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "" => Err("a cluster has a name or a number".to_owned()),
            text => Ok(text.parse().map_or_else(|_| Self::named(text), Self)),
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum NumberOrName {
    Number(u64),
    Name(String),
}

impl TryFrom<NumberOrName> for Cluster {
    type Error = String;

    fn try_from(value: NumberOrName) -> Result<Self, String> {
        match value {
            NumberOrName::Number(number) => Ok(Self(number)),
            NumberOrName::Name(name) => name.parse(),
        }
    }
}

/// A loopback address, if one is given.
///
/// # Errors
/// [`Malformed`] with key, value and mend.
pub fn loopback(key: &str, value: Option<&str>) -> Result<Option<SocketAddr>> {
    let Some(text) = value else { return Ok(None) };
    let mend = "write a loopback address and a port, such as 127.0.0.1:9464";
    match text.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_loopback() => Ok(Some(address)),
        _ => Err(refuse(key, text, mend)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Some {
        #[expect(dead_code)]
        id: Option<u32>,
        cluster: Option<Cluster>,
    }

    #[test]
    fn a_bad_line_is_named_by_number_and_key_but_never_shown() {
        let why = parse::<Some>("id = 1\nkey = \"5ec7e7\"\n").unwrap_err();
        assert!(why.starts_with("line 2, key `key`: unknown field `key`") && !why.contains("5ec7e7"), "{why}");
        let why = parse::<Some>("id = \"one\"").unwrap_err();
        assert!(why.starts_with("line 1, key `id`: invalid type: string \"one\""), "{why}");
        assert!(parse::<Some>("id = = 5").unwrap_err().starts_with("line 1"));
    }

    #[test]
    fn a_cluster_has_a_name_or_a_number() {
        let of = |text: &str| parse::<Some>(text).unwrap().cluster.unwrap();
        assert_eq!(of("cluster = 7"), Cluster(7));
        assert_eq!(of("cluster = \"7\""), Cluster(7));
        assert_eq!(of("cluster = \"east\""), Cluster::named("east"));
        assert_ne!(Cluster::named("east"), Cluster::named("west"));
        assert!(parse::<Some>("cluster = \"\"").is_err());
    }

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for good in ["10.0.0.1:7300", "host.example:1", "[::1]:7300"] {
            assert!(host_and_port("peers", good).is_ok(), "{good}");
        }
        for bad in ["10.0.0.1", ":7300", "host:0", "host:70000", ""] {
            let why = host_and_port("peers", bad).unwrap_err().to_string();
            assert!(why.starts_with(&format!("peers `{bad}`: write a host and a port")), "{why}");
        }
    }
}
