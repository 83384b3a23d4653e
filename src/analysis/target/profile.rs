//! What well-known systems and rules ask of clocks, each with the version and the place that says so.
//!
//! | profile | limit | between | source |
//! |---|---|---|---|
//! | `cockroachdb` | 400 ms, and `--max-offset` 500 ms | a node and half of the others | CockroachDB v25.2, Operational FAQs, "What happens when node clocks are not properly synchronized?"; `pkg/rpc/clock_offset.go`, `VerifyClockOffset` |
//! | `yugabytedb` | 500 ms | any two servers | YugabyteDB stable documentation, System configuration; yb-tserver reference, `--max_clock_skew_usec` |
//! | `ceph` | 50 ms | each monitor and the leading one | Ceph, `mon_clock_drift_allowed` and the health check MON_CLOCK_SKEW (Red Hat and IBM Storage Ceph state 0.05 s for releases 3 to 9) |
//! | `etcd` | 1 s | a member and each peer | etcd v3.4 and v3.5, `rafthttp/probing_status.go`: a warning in the log, nothing else (issue 16432) |
//! | `rts25-hft`, `rts25` | 100 µs, 1 ms | each clock and UTC | Commission Delegated Regulation (EU) 2017/574, Annex |

use std::str::FromStr;

use crate::time::Nanos;

/// Between what a limit holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Distance {
    /// Any two of the clocks.
    Mutual,
    /// Each clock and UTC. Agents measure no distance from UTC: two clocks that are more than twice the limit apart prove
    /// that one of them is beyond it, and nothing proves that none is.
    Utc,
}

/// So far apart clocks may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limit {
    /// How far.
    pub span: Nanos,
    /// Between what.
    pub distance: Distance,
    /// What it is, in words.
    pub what: &'static str,
}

/// A system or a rule with the limits that it sets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Profile {
    /// Its name in flags.
    pub name: &'static str,
    /// Its limits; the first decides.
    pub limits: &'static [Limit],
    /// Which document of which version.
    pub source: &'static str,
    /// Where that is.
    pub url: &'static str,
    /// How the limit is meant where that is not the distance of any two clocks.
    pub meaning: &'static str,
}

impl Profile {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self {
            name: "cockroachdb",
            limits: &[
                Limit {
                    span: Nanos::from_millis(400),
                    distance: Distance::Mutual,
                    what: "80 % of --max-offset: a node that far from half of the others shuts itself down",
                },
                Limit {
                    span: Nanos::from_millis(500),
                    distance: Distance::Mutual,
                    what: "the default --max-offset: beyond it reads of single keys may be stale",
                },
            ],
            source: "CockroachDB v25.2, Operational FAQs",
            url: "https://www.cockroachlabs.com/docs/v25.2/operational-faqs",
            meaning: "a node shuts itself down if it is that far from at least half of the others: SAFE excludes it, UNSAFE \
                      says that two nodes were far enough apart, not that one did",
        },
        Self {
            name: "yugabytedb",
            limits: &[Limit {
                span: Nanos::from_millis(500),
                distance: Distance::Mutual,
                what: "the default --max_clock_skew_usec: a server that detects more shuts down",
            }],
            source: "YugabyteDB stable, System configuration",
            url: "https://docs.yugabyte.com/stable/deploy/manual-deployment/system-config/",
            meaning: "",
        },
        Self {
            name: "ceph",
            limits: &[Limit {
                span: Nanos::from_millis(50),
                distance: Distance::Mutual,
                what: "the default mon_clock_drift_allowed: beyond it health is MON_CLOCK_SKEW",
            }],
            source: "Ceph, health check MON_CLOCK_SKEW; default 0.05 s as in Red Hat Ceph Storage 3 to 9",
            url: "https://docs.ceph.com/en/latest/rados/operations/health-checks/#mon-clock-skew",
            meaning: "monitors are held against the leading one, other hosts not at all: SAFE covers it, UNSAFE may be of two \
                      others",
        },
        Self {
            name: "etcd",
            limits: &[Limit {
                span: Nanos::from_seconds(1),
                distance: Distance::Mutual,
                what: "beyond it a member warns: prober found high clock drift",
            }],
            source: "etcd v3.5, server/etcdserver/api/rafthttp/probing_status.go",
            url: "https://github.com/etcd-io/etcd/issues/16432",
            meaning: "a warning in the log only: Raft and the leases of etcd v3 depend on no agreement of clocks",
        },
        Self {
            name: "rts25-hft",
            limits: &[
                Limit {
                    span: Nanos::from_micros(100),
                    distance: Distance::Utc,
                    what: "high-frequency trading, or gateway-to-gateway latency up to 1 ms",
                },
                Limit {
                    span: Nanos::from_micros(100),
                    distance: Distance::Mutual,
                    what: "the same span between any two clocks, which is not what the rule asks",
                },
            ],
            source: RTS_25,
            url: "https://eur-lex.europa.eu/eli/reg_del/2017/574/oj",
            meaning: UTC,
        },
        Self {
            name: "rts25",
            limits: &[
                Limit {
                    span: Nanos::from_millis(1),
                    distance: Distance::Utc,
                    what: "other electronic trading, or gateway-to-gateway latency above 1 ms",
                },
                Limit {
                    span: Nanos::from_millis(1),
                    distance: Distance::Mutual,
                    what: "the same span between any two clocks, which is not what the rule asks",
                },
            ],
            source: RTS_25,
            url: "https://eur-lex.europa.eu/eli/reg_del/2017/574/oj",
            meaning: UTC,
        },
    ];
}

const RTS_25: &str = "RTS 25: Commission Delegated Regulation (EU) 2017/574, Annex, Tables 1 and 2 (see whether a later act, \
                      under Article 22c of Regulation (EU) 600/2014, applies to you)";
const UTC: &str = "the rule limits each clock's divergence from UTC; only mutual distance was measured. Clocks more than twice \
                   the limit apart break it (UNSAFE); clocks that agree may all be wrong together, so that it is never SAFE";

impl FromStr for Profile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|profile| profile.name == text).ok_or_else(|| {
            let names = Self::ALL.map(|profile| profile.name).join(", ");
            format!("`{text}` is no profile: choose one of {names}, or give --target")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_are_the_published_ones() {
        let limits = |name: &str| -> Vec<(String, Distance)> {
            let profile: Profile = name.parse().unwrap();
            profile.limits.iter().map(|limit| (limit.span.to_string(), limit.distance)).collect()
        };
        let mutual = |span: &str| (span.to_owned(), Distance::Mutual);
        let utc = |span: &str| (span.to_owned(), Distance::Utc);
        assert_eq!(limits("cockroachdb"), [mutual("400ms"), mutual("500ms")]);
        assert_eq!(limits("yugabytedb"), [mutual("500ms")]);
        assert_eq!(limits("ceph"), [mutual("50ms")]);
        assert_eq!(limits("etcd"), [mutual("1s")]);
        assert_eq!(limits("rts25-hft"), [utc("100us"), mutual("100us")]);
        assert_eq!(limits("rts25"), [utc("1ms"), mutual("1ms")]);
        assert!("spanner".parse::<Profile>().unwrap_err().contains("cockroachdb, yugabytedb"));
    }

    #[test]
    fn every_profile_says_where_it_is_from_and_what_it_does_not_mean() {
        for profile in Profile::ALL {
            assert!(profile.url.starts_with("https://") && !profile.source.is_empty(), "{}", profile.name);
            let of_utc = profile.limits[0].distance == Distance::Utc;
            assert_eq!(of_utc, profile.meaning.contains("only mutual distance was measured"), "{}", profile.name);
        }
        let eighty = Profile::ALL[0].limits.iter().map(|limit| limit.span.0).collect::<Vec<_>>();
        assert_eq!(eighty[0] * 10, eighty[1] * 8, "self-termination is at 80 %");
    }
}
