//! What a collector on a real host is told: the same keys in a TOML file and as flags.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Result;
use serde::Deserialize;

use crate::host::settings::{Cluster, loopback, refuse, required};

/// Everything that can be set. A key of the file is the flag's name with `_` for `-`.
#[derive(Clone, PartialEq, Debug, Default, Deserialize, clap::Args)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Address and port on which agents are waited for, such as 0.0.0.0:7301
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// Folder for journals and results
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// File with the cluster's key [default: the environment variable SKEWBENCH_KEY]
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// Name or number of the cluster, the same for all its programs [default: skewbench]
    #[arg(long, value_name = "NAME")]
    pub cluster: Option<Cluster>,
    /// Report once so many agents have shipped their journals to the end [default: when told to stop]
    #[arg(long, value_name = "N")]
    pub agents: Option<usize>,
    /// Serve Prometheus metrics at this loopback address, such as 127.0.0.1:9465 [default: nowhere]
    #[arg(long, value_name = "ADDRESS")]
    pub metrics: Option<String>,
}

/// What a collector does, once every value has been looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Standalone {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where journals and results go.
    pub dir: PathBuf,
    /// The cluster's number.
    pub cluster: u64,
    /// How many agents it waits for; without it, until it is told to stop.
    pub agents: Option<usize>,
    /// Where it serves metrics.
    pub metrics: Option<SocketAddr>,
}

impl Settings {
    /// These settings, with `other` for what they leave open.
    pub fn or(self, other: Self) -> Self {
        Self {
            listen: self.listen.or(other.listen),
            dir: self.dir.or(other.dir),
            key_file: self.key_file.or(other.key_file),
            cluster: self.cluster.or(other.cluster),
            agents: self.agents.or(other.agents),
            metrics: self.metrics.or(other.metrics),
        }
    }

    /// What a collector with these settings does.
    ///
    /// # Errors
    /// [`crate::host::program::Malformed`] with key, value and mend.
    pub fn check(&self) -> Result<Standalone> {
        let mend = "write an IP address of this host and a port, such as 0.0.0.0:7301";
        let listen = required("listen", self.listen.as_deref(), mend)?;
        let listen = listen.parse().map_err(|_| refuse("listen", listen, mend))?;
        let dir = required("dir", self.dir.clone(), "name a folder for journals and results")?;
        if self.agents == Some(0) {
            return Err(refuse("agents", 0, "choose 1 or more, or leave it out"));
        }
        let metrics = loopback("metrics", self.metrics.as_deref())?;
        Ok(Standalone { listen, dir, cluster: self.cluster.unwrap_or_default().0, agents: self.agents, metrics })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::settings;

    #[test]
    fn every_refusal_names_key_value_and_mend() {
        let refused = |text: &str| settings::parse::<Settings>(text).unwrap().check().unwrap_err().to_string();
        assert!(refused("").starts_with("listen: not given in --config nor as a flag: write"));
        assert!(refused("listen = \"7301\"").starts_with("listen `7301`: write an IP address"));
        assert!(refused("listen = \"0.0.0.0:1\"").starts_with("dir: not given"));
        assert!(refused("listen = \"0.0.0.0:1\"\ndir = \"d\"\nagents = 0").starts_with("agents `0`: choose"));
        let why = settings::parse::<Settings>("dirr = 5").unwrap_err();
        assert!(why.starts_with("line 1, key `dirr`: unknown field `dirr`"), "{why}");
    }
}
