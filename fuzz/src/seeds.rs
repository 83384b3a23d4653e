//! First inputs, from the real encoders: a fuzzer that starts from what the program itself writes gets far sooner.

use std::fs;
use std::path::Path;

use skewbench::ids::{BootId, NodeId};
use skewbench::journal::columns::{self, Layout};
use skewbench::journal::scan;
use skewbench::order::message;
use skewbench::order::stamp::Stamp;
use skewbench::probe::wire::Codec;
use skewbench::probe::{Answer, Claims, Kind, Probe};
use skewbench::time::Time;
use skewbench::workload::{mutex, wire};

use crate::frames::{CLUSTER, KEY, Loose};

/// The variable that names the folder to write first inputs to. Without it nothing is written.
const VARIABLE: &str = "SKEWBENCH_SEEDS";

/// Writes the first inputs of `target`.
pub fn write(target: &str) {
    let Ok(folder) = std::env::var(VARIABLE) else { return };
    let seeds = match target {
        "probe" => probes(),
        "journal" => journals(),
        "wire" => messages(),
        "text" => texts(),
        _ => noise(),
    };
    for (index, seed) in seeds.iter().enumerate() {
        fs::write(Path::new(&folder).join(format!("seed-{index:02}")), seed).expect("a folder for first inputs");
    }
}

/// A request and a reply to it, as the probe target reads them.
fn probes() -> Vec<Vec<u8>> {
    let answer = Answer { boot: BootId(1), sequence: 1, received: Time::from_nanos(5), arrived: None };
    let probe = |kind, sequence| Probe {
        from: NodeId(1),
        to: NodeId(0),
        boot: BootId(1),
        sequence,
        sent: Time::from_nanos(1_000),
        kind,
        departed: None,
        stamps_departures: false,
        claims: Claims::default(),
    };
    let codec = Codec::new(CLUSTER, &KEY);
    let input = |probe: &Probe| [&[2, 4][..], &codec.encode(probe), &[0]].concat();
    let one = [input(&probe(Kind::Request, 1)), input(&probe(Kind::Reply(answer), 2))].concat();
    // Four hundred rounds: a slot of the grid, and a reply to its request.
    let round = [&[100, 0, 20, 5, 0, 255][..], &[0; 40]].concat();
    vec![one.repeat(3), one, round.repeat(400)]
}

/// The committed reference run, whole and as loose frames.
fn journals() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../results/lab/journals");
    let files = fs::read_dir(folder).into_iter().flatten().flatten().filter_map(|entry| fs::read(entry.path()).ok());
    let (mut seeds, mut all) = (Vec::new(), vec![1]);
    for bytes in files {
        let mut loose = vec![1];
        for frame in scan(&bytes).frames.iter().take(2) {
            let Ok((header, mut entries)) = skewbench::journal::frame::open(frame.bytes) else { continue };
            entries.truncate(24);
            // Either layout can hold them.
            let (layout, code) = if header.number % 2 == 1 { (Layout::Chosen, 1) } else { (Layout::Usual, 0) };
            let raw = columns::encode(layout, &entries);
            let input = Loose {
                who: (header.node.0 as u8, header.boot.0 as u8),
                number: header.number as u8,
                layout: code,
                entries: entries.len() as u16,
                covers_until: header.covers_until.as_nanos(),
                raw: &raw,
            };
            loose.extend(input.to_bytes());
        }
        all.extend_from_slice(&loose[1..]);
        seeds.push(loose);
        seeds.push([&[0][..], &bytes[..bytes.len().min(16_384)]].concat());
    }
    seeds.push(all);
    seeds
}

/// Ordering messages, a frame, and a greeting.
fn messages() -> Vec<Vec<u8>> {
    let stamp = Stamp { time: 9, counter: 0, node: NodeId(1) };
    let (mut order, mut short) = (vec![1], vec![1]);
    message::put_batch(&mut order, 0, 0, 16, [(stamp, Time::ZERO)].into_iter());
    message::put_heartbeat(&mut order, 0, stamp);
    message::put_done(&mut order, 0, 1);
    let receipt = order.len();
    message::put_receipt(&mut order, 0);
    message::set_received(&mut order[receipt..], 1);
    message::put_done(&mut short, 0, 0);
    let empty = Loose { who: (1, 2), ..Loose::default() }.seal();
    let mut trial = vec![3];
    wire::Frame::put(&mut trial, wire::Kind::Message, 0, 1, &mutex::Message::Request(stamp));
    vec![order, short, [&[0][..], &empty, &empty].concat(), [&[2][..], &[0; 84]].concat(), trial]
}

/// Topologies, spans, control lines and configurations.
fn texts() -> Vec<Vec<u8>> {
    let texts = [
        "0from,to,delay,jitter,loss,mu\n0,1,1ms,10us,0.01,900us\n1,2\n2,0,,,0.5\n# end\n",
        "11.5s",
        "1-250us",
        "2\"stop\"",
        "2{\"start\":{\"raw_ns\":1,\"measured\":\"10s\"}}",
        "2{\"phase\":{\"index\":1,\"source\":\"ntp\",\"load\":{\"open\":{\"commands_per_s\":9}},\"payload_bytes\":64,\"batch\":64,\"duration_ns\":1}}",
        "2{\"peers\":[{\"node\":1,\"probe\":\"127.0.0.1:1\",\"order\":\"[::1]:2\"}]}",
        "47F7F0101,,8,1795274551.198812518,-0.000001,0.0,0.0,0.0,0.0,0.0,0.0001,0.0002,64.0,Normal\n",
        "4offset: -250\nmaxerror: 1500\nstatus: 8193\n",
        "4# written by x\nba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  abc\n",
        "3tau = \"100ms\"\nmeasured = \"30s\"\npeers = [{ node = 1, address = \"10.0.0.2:7000\" }]\n",
        "6from,to,t1_ns,t2_ns,t3_ns,t4_ns,truth_offset_ns\na,b,0,10,20,30,-5\na,b,100,110,120,130,\n",
        "656285 54575.160 128.4.1.1 192.168.1.5 3565350574.400229473 3565350574.442385200 3565350574.442436000 3565350575.1\n",
        "62016-11-09 05:40:50 203.0.113.15 N 2 111 111 1111 10 10 1.0 -4.966e-03 2.296e-01 1.577e-05 1.615e-01 7.446e-03 CB\n",
    ];
    texts.into_iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// For targets that make something of any bytes.
fn noise() -> Vec<Vec<u8>> {
    let byte = |index: u32| (index.wrapping_mul(2_654_435_761) >> 24) as u8;
    [64_u32, 512, 4_096].map(|length| (0..length).map(byte).collect()).to_vec()
}
