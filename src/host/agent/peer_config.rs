//! What an agent on a real host is told of another one.

use std::str::FromStr;

use serde::Deserialize;

use crate::length::Length;
use crate::time::Nanos;

/// A peer: `{ id, address, mu, distance, order }` in a file, `ID=HOST:PORT[/MU[/DISTANCE]]` as a flag.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerSetting {
    /// The peer's number.
    pub id: u32,
    /// Where it listens for probes.
    pub address: String,
    /// Known minimum delay from there to here, which every message is credited with.
    #[serde(default)]
    pub mu: Nanos,
    /// How far away it is: no message from or to it is faster than light. No message is credited with it.
    pub distance: Option<Length>,
    /// Where it listens for ordering connections, in a file only.
    pub order: Option<String>,
}

impl FromStr for PeerSetting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || {
            format!(
                "`{text}` is no peer: write ID=HOST:PORT, ID=HOST:PORT/MU or ID=HOST:PORT/MU/DISTANCE, such as \
                 1=10.0.0.2:7300 or 1=10.0.0.2:7300/0/120km"
            )
        };
        let (id, rest) = text.split_once('=').ok_or_else(refuse)?;
        let (address, known) = rest.split_once('/').unwrap_or((rest, "0"));
        let (mu, distance) = known.split_once('/').map_or((known, None), |(mu, distance)| (mu, Some(distance)));
        let (id, mu) = (id.trim().parse().map_err(|_| refuse())?, mu.parse().map_err(|_| refuse())?);
        let distance = distance.map(|text| text.parse().map_err(|why| format!("distance {why}"))).transpose()?;
        Ok(Self { id, address: address.trim().to_owned(), mu, distance, order: None })
    }
}
