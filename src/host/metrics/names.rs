//! Everything that is exported, by name. docs/metrics.md says more of each; a test holds the two together.

use super::page::{Family, Kind};

macro_rules! families {
    ($($list:ident: $about:literal { $($name:ident = $text:literal, $kind:ident, $help:literal;)* })*) => {
        $($(
            #[doc = $help]
            pub const $name: Family = Family { name: $text, kind: Kind::$kind, help: $help };
        )*
        #[doc = $about]
        pub const $list: &[Family] = &[$($name,)*];)*
    };
}

families! {
    AGENT: "What an agent exports." {
        AGENT_INFO = "skewbench_agent_info", Gauge, "Always 1; its labels name the node and the program's version.";
        PROBES_SENT = "skewbench_probes_sent_total", Counter, "Probes sent on an arc, requests and replies.";
        PROBES_RECEIVED = "skewbench_probes_received_total", Counter, "Authentic, new probes received on an arc.";
        PROBES_MISSING = "skewbench_probes_missing", Gauge,
            "Probes of the sender's present boot that were numbered and have not arrived: lost or still under way.";
        PROBES_REJECTED = "skewbench_probes_rejected_total", Counter,
            "Datagrams and claims that were refused, by reason; no clock moved.";
        NODE_EVENTS = "skewbench_node_events_total", Counter, "What the node counts beside rejections, by event.";
        SEND_FAILURES = "skewbench_send_failures_total", Counter, "Probes that the operating system did not send.";
        SLOTS_MISSED = "skewbench_slots_missed_total", Counter,
            "Slots of the probe grid that had passed before they could be used.";
        SEND_LATENESS = "skewbench_send_lateness_seconds", Histogram, "How late requests were sent.";
        EXCHANGES = "skewbench_exchanges_total", Counter,
            "Requests that came together with their replies, by the worst source of their four stamps.";
        ROUND_TRIP = "skewbench_round_trip_seconds", Gauge,
            "Round-trip delay of the last exchange, without the peer's residence.";
        CLOCK_OFFSET = "skewbench_clock_offset_seconds", Gauge,
            "The algorithm's clock minus the local clock, now.";
        PEER_OFFSET = "skewbench_peer_offset_seconds", Gauge,
            "The peer's clock of the algorithm minus the own one, as the last exchange measured it.";
        JOURNAL_BYTES = "skewbench_journal_bytes_total", Counter, "Bytes written to the spool.";
        JOURNAL_FRAMES = "skewbench_journal_frames_total", Counter, "Frames written to the spool.";
        JOURNAL_FRAMES_DROPPED = "skewbench_journal_frames_dropped_total", Counter,
            "Frames not written since the spool was full or its disk failed.";
        JOURNAL_ENTRIES_DROPPED = "skewbench_journal_entries_dropped_total", Counter,
            "Entries that neither the spool's thread nor the buffer before it could take.";
        FRAMES_SHIPPED = "skewbench_frames_shipped_total", Counter, "Frames handed to a connection to the collector.";
        FRAMES_ACKED = "skewbench_frames_acked_total", Counter, "Frames that are on the collector's disk.";
        SHIP_CONNECTIONS = "skewbench_ship_connections_total", Counter,
            "Connections to the collector on which both sides proved who they are.";
    }
    COLLECTOR: "What a collector exports." {
        COLLECTOR_INFO = "skewbench_collector_info", Gauge, "Always 1; its label names the program's version.";
        CONNECTIONS = "skewbench_collector_connections_total", Counter, "Connections that were accepted.";
        CONNECTIONS_FAILED = "skewbench_collector_connections_failed_total", Counter,
            "Connections that were refused or ended badly, by reason.";
        FRAMES = "skewbench_collector_frames_total", Counter, "Frames that were written, synced and acked.";
        BYTES = "skewbench_collector_bytes_total", Counter, "Bytes of those frames.";
        FRAMES_REFUSED = "skewbench_collector_frames_refused_total", Counter,
            "Frames that were not taken, by reason; the connection ended.";
        DUPLICATES = "skewbench_collector_duplicate_frames_total", Counter, "Frames that were there already.";
        CLOSED = "skewbench_collector_agents_closed_total", Counter, "Agents that closed cleanly.";
        SYNC = "skewbench_collector_sync_seconds", Histogram, "How long fdatasync took for a group of frames.";
    }
}

/// Everything.
pub fn all() -> impl Iterator<Item = &'static Family> {
    AGENT.iter().chain(COLLECTOR)
}
