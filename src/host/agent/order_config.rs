//! What an agent on a real host is told of ordering: the table `[order]` of its file.

use std::net::SocketAddr;

use anyhow::Result;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::host::settings::{host_and_port, refuse, required};
use crate::ids::{Algorithms, NodeId};
use crate::order::report::BATCH;
use crate::time::Nanos;
use crate::trial::{Clock, MOST_OPERATIONS, MOST_PROCESSES, Premise, Terms, Workload, listed};

/// How long everybody orders by each clock and load, unless it is said.
const DURATION: Nanos = Nanos::from_seconds(2);
/// How long an agent waits for the others, unless it is said.
const PATIENCE: Nanos = Nanos::from_seconds(60);
/// Operations a second of a workload, unless they are said.
const RATE: f64 = 200.0;
/// The same where one waits for the other: as many as a resource carries that goes from host to host in 50 ms.
const IN_LINE_RATE: f64 = 20.0;
/// The longest that a message is believed to take, unless it is said.
const DECLARED_DELAY: Nanos = Nanos::from_millis(200);
/// Nothing longer is declared of clocks and delays.
const MOST_DECLARED: Nanos = Nanos::from_seconds(10);

/// The table.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderSettings {
    /// Address and port at which the other agents connect.
    pub listen: String,
    /// Which workloads; total-order and state-machine if none is named.
    #[serde(default, deserialize_with = "listed::deserialize")]
    pub workload: Vec<Workload>,
    /// By which clocks; those of the main run that the agent runs, if none is named.
    #[serde(default, deserialize_with = "listed::deserialize")]
    pub clock: Vec<Clock>,
    /// When to begin, counted from the agent's start; when clocks were measured if it is not given.
    pub after: Option<Nanos>,
    /// How long users want something, for each clock and load.
    pub duration: Option<Nanos>,
    /// Operations a second of all users together; if it is not given, total order is saturated and run at half of that, and
    /// of the others the users want 200 a second, or 20 where one waits for the other.
    pub rate_per_s: Option<f64>,
    /// How far apart workloads that stand on it believe the clocks of any two hosts to be.
    pub declared_eps: Option<Nanos>,
    /// The longest that workloads believe a message between processes to take.
    pub declared_delay: Option<Nanos>,
    /// Most commands, or messages, in one write.
    pub batch: Option<u32>,
    /// How long to wait for the other agents.
    pub patience: Option<Nanos>,
}

/// What an agent orders, once every value has been looked at.
#[derive(Clone, PartialEq, Debug)]
pub struct OrderPlan {
    /// Where the other agents connect.
    pub listen: SocketAddr,
    /// Where they listen, as host and port.
    pub peers: Vec<(NodeId, String)>,
    /// When to begin, counted from the agent's start.
    pub after: Nanos,
    /// What is played.
    pub workloads: Vec<Workload>,
    /// By which clocks.
    pub clocks: Vec<Clock>,
    /// How long, for each clock and load.
    pub span: Nanos,
    /// Operations a second of all, if they were said.
    pub rate: Option<f64>,
    /// How far apart clocks are believed to be, if that was said.
    pub declared_eps: Option<Nanos>,
    /// The longest that a message is believed to take.
    pub declared_delay: Nanos,
    /// Most commands in one write.
    pub batch: u32,
    /// How long to wait for the others.
    pub patience: Nanos,
    /// Agents, this one included.
    pub nodes: u32,
    /// The run's cluster.
    cluster: u64,
}

/// What the rest of the file says that ordering depends on.
#[derive(Clone, Debug)]
pub struct Around<'a> {
    /// Every peer with the address at which it orders, if it is given.
    pub peers: Vec<(NodeId, Option<&'a str>)>,
    /// How many agents the run has.
    pub nodes: u32,
    /// How long clocks are measured, if that was said.
    pub measured: Option<Nanos>,
    /// The clocks that the agent runs.
    pub clocks: Algorithms,
    /// The run's cluster.
    pub cluster: u64,
}

impl OrderSettings {
    /// What an agent with these settings orders.
    ///
    /// # Errors
    /// [`crate::host::program::Malformed`] with key, value and mend.
    pub fn check(&self, around: &Around<'_>) -> Result<OrderPlan> {
        let mend = "write an IP address of this host and a port, such as 0.0.0.0:7302";
        let listen = self.listen.parse().map_err(|_| refuse("order.listen", &self.listen, mend))?;
        let batch = self.batch.unwrap_or(BATCH);
        if !(1..=1_024).contains(&batch) {
            return Err(refuse("order.batch", batch, "choose from 1 to 1024"));
        }
        let patience = self.patience.unwrap_or(PATIENCE);
        if !(Nanos::from_seconds(1)..=Nanos::from_seconds(86_400)).contains(&patience) {
            return Err(refuse("order.patience", patience, "choose from 1s to 86400s"));
        }
        let plan = OrderPlan {
            listen,
            peers: checked_peers(around)?,
            after: self.checked_after(around.measured)?,
            workloads: self.checked_workloads()?,
            clocks: self.checked_clocks(around.clocks)?,
            span: self.duration.unwrap_or(DURATION),
            rate: self.rate_per_s,
            declared_eps: self.declared_eps,
            declared_delay: self.declared_delay.unwrap_or(DECLARED_DELAY),
            batch,
            patience,
            nodes: around.nodes,
            cluster: around.cluster,
        };
        plan.check_load()?;
        Ok(plan)
    }

    fn checked_after(&self, measured: Option<Nanos>) -> Result<Nanos> {
        let mend = "say after which span to order, such as 60s: without duration the agent cannot tell when clocks were measured";
        let after = required("order.after", self.after.or(measured), mend)?;
        let least = measured.unwrap_or(Nanos::ZERO);
        let mend = || format!("clocks are measured for {least}: choose that or more, or leave it out");
        if after < least { Err(refuse("order.after", after, &mend())) } else { Ok(after) }
    }

    fn checked_workloads(&self) -> Result<Vec<Workload>> {
        if self.workload.is_empty() {
            return Ok(vec![Workload::TotalOrder, Workload::StateMachine]);
        }
        let stands = self.workload.iter().find(|workload| workload.declares_eps());
        if let Some(workload) = stands.filter(|_| self.declared_eps.is_none()) {
            let mend = "it stands on how far apart clocks are believed to be: say it, such as order.declared_eps = \"5ms\", or \
                        name workloads that do not";
            return Err(refuse("order.workload", workload, mend));
        }
        Ok(self.workload.clone())
    }

    fn checked_clocks(&self, runs: Algorithms) -> Result<Vec<Clock>> {
        match self.clock.iter().find(|clock| !clock.is_run_by(runs)) {
            Some(clock) => Err(refuse("order.clock", clock, &format!("agents run {runs}: name it in clocks"))),
            None if self.clock.is_empty() => Ok(Clock::usual_of(runs)),
            None => Ok(self.clock.clone()),
        }
    }
}

/// Everybody orders with everybody.
fn checked_peers(around: &Around<'_>) -> Result<Vec<(NodeId, String)>> {
    let mend = "ordering needs a connection to every agent, of 16 at most: name all others in peers, each with order = \"HOST:PORT\"";
    if around.peers.len() as u64 + 1 != u64::from(around.nodes) || around.nodes > MOST_PROCESSES {
        return Err(refuse("peers", format!("{} of {} agents", around.peers.len(), around.nodes), mend));
    }
    let peer = |(id, address): &(NodeId, Option<&str>)| {
        let lacks = || refuse("peers", id, "say where it orders: order = \"10.0.0.2:7302\"");
        let address = address.ok_or_else(lacks)?;
        host_and_port("order", address)?;
        Ok((*id, address.to_owned()))
    };
    around.peers.iter().map(peer).collect()
}

impl OrderPlan {
    fn check_load(&self) -> Result<()> {
        if !(Nanos::from_millis(100)..=Nanos::from_seconds(3_600)).contains(&self.span) {
            return Err(refuse("order.duration", self.span, "choose from 100ms to 3600s"));
        }
        if self.rate.is_some_and(|rate| !(1.0..=10_000_000.0).contains(&rate)) {
            return Err(refuse("order.rate_per_s", self.rate.unwrap_or_default(), "choose from 1 to 10000000"));
        }
        let declared = [("order.declared_eps", self.declared_eps), ("order.declared_delay", Some(self.declared_delay))];
        for (key, value) in declared.into_iter().filter_map(|(key, value)| Some((key, value?))) {
            if !(Nanos(1)..=MOST_DECLARED).contains(&value) {
                return Err(refuse(key, value, "choose from 1ns to 10s"));
            }
        }
        for workload in self.workloads.iter().filter(|workload| **workload != Workload::TotalOrder) {
            let operations = self.rate(*workload) * self.span.as_seconds();
            if operations > MOST_OPERATIONS {
                let mend =
                    format!("{workload} would be {operations:.0} operations: choose less, up to {MOST_OPERATIONS}");
                return Err(refuse("order.rate_per_s", self.rate(*workload), &mend));
            }
        }
        Ok(())
    }

    /// Operations a second of a workload.
    fn rate(&self, workload: Workload) -> f64 {
        let usual = match workload {
            Workload::Mutex | Workload::RicartAgrawala => IN_LINE_RATE,
            _ => RATE,
        };
        self.rate.unwrap_or(usual)
    }

    /// What those have in common who order the same: the cluster, with all that must be the same at all of them.
    pub fn fellowship(&self) -> u64 {
        let Self { workloads, clocks, span, rate, declared_eps, declared_delay, batch, nodes, cluster, .. } = self;
        let digest = Sha256::digest(format!(
            "{cluster} {workloads:?} {clocks:?} {span} {rate:?} {declared_eps:?} {declared_delay} {batch} {nodes}"
        ));
        digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// What a workload is told.
    pub fn terms(&self, workload: Workload, clock: Clock) -> Terms {
        let declared = self.declared_eps.filter(|_| workload.declares_eps()).unwrap_or(Nanos::ZERO);
        Terms {
            nodes: self.nodes,
            eps: declared,
            declared,
            delay: Nanos::ZERO,
            jitter: Nanos::ZERO,
            slack: self.declared_delay,
            rate: self.rate(workload),
            span: self.span,
            seed: self.cluster,
            stamps: clock.stamps(),
            premise: Premise::Kept,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::settings;

    fn plan(more: &str) -> OrderPlan {
        let text = format!("listen = \"0.0.0.0:7302\"\n{more}");
        let around = Around {
            peers: vec![(NodeId(1), Some("b:7302"))],
            nodes: 2,
            measured: Some(Nanos::from_seconds(5)),
            clocks: Algorithms::USUAL,
            cluster: 7,
        };
        settings::parse::<OrderSettings>(&text).expect("a table").check(&around).expect("a plan")
    }

    #[test]
    fn who_believes_something_else_of_clocks_or_delays_orders_with_others() {
        let all = "workload = \"all\"\ndeclared_eps = \"5ms\"\n";
        let fellowships = [
            plan("").fellowship(),
            plan(all).fellowship(),
            plan(&all.replace("5ms", "6ms")).fellowship(),
            plan(&format!("{all}declared_delay = \"50ms\"")).fellowship(),
        ];
        let different = fellowships.iter().collect::<std::collections::BTreeSet<_>>();
        assert_eq!((different.len(), plan(all).fellowship()), (4, fellowships[1]));
    }

    #[test]
    fn a_workload_is_told_what_it_stands_on() {
        let plan = plan("workload = \"all\"\ndeclared_eps = \"5ms\"\ndeclared_delay = \"50ms\"");
        assert_eq!(plan.workloads, Workload::ALL);
        let told = |workload| {
            let Terms { eps, declared, rate, .. } = plan.terms(workload, Clock::Hlc);
            (eps, declared, rate)
        };
        let declared = Nanos::from_millis(5);
        assert_eq!(told(Workload::RealTime), (declared, declared, RATE));
        assert_eq!(told(Workload::Mutex), (Nanos::ZERO, Nanos::ZERO, IN_LINE_RATE));
        assert_eq!(plan.terms(Workload::Byzantine, Clock::Hlc).longest_delay(), Nanos::from_millis(50));
    }
}
