//! Laws of the page as text: well-formed, complete, escaped, silent, small.

use super::report_html;
use crate::analysis::Summary;
use crate::analysis::series::{Cell, Series};
use crate::ids::{Algorithm, Arc, NodeId};
use crate::order::report::StampSource;
use crate::report::testing::{HOSTILE, full, without_truth};
use crate::time::Nanos;

const FIGURES: [&str; 8] = ["proved", "steadiness", "epsilon", "offsets", "pairs", "delays", "lateness", "ordering"];

fn page(summary: &Summary) -> String {
    String::from_utf8(report_html(summary)).unwrap()
}

/// A run of many nodes, as large as its tables get.
fn large(nodes: u32) -> Summary {
    let mut summary = full();
    let row = summary.arcs[0].clone();
    let arc = |from, to| Arc { from: NodeId(from), to: NodeId(to) };
    let pairs = (0..nodes).flat_map(|from| (0..nodes).filter(move |to| *to != from).map(move |to| (from, to)));
    summary.arcs =
        pairs.map(|(from, to)| crate::analysis::arcs::ArcRow { arc: arc(from, to), ..row.clone() }).collect();
    let ahead = |cell: i64| (0..i64::from(nodes)).map(|node| (node * 977 + cell * 31) as f64 % 1e6).collect();
    let cell =
        |algorithm| move |cell: i64| Cell { algorithm, t_s: cell as f64 / 100.0, eps_ns: 1e6, ahead_ns: ahead(cell) };
    let cells = Algorithm::ALL.into_iter().flat_map(|algorithm| (0..1_000).map(cell(algorithm))).collect();
    summary.series = Series { algorithms: Algorithm::ALL.len(), nodes: (0..nodes).map(NodeId).collect(), cells };
    summary
}

/// The names of elements that never close.
const VOID: [&str; 2] = ["meta", "br"];

/// Fails unless every tag is closed in its order, and every attribute is in quotes.
fn check_balance(page: &str) {
    let mut open = Vec::new();
    let (before, after) = page.split_once("<style>").unwrap();
    let page = before.to_owned() + after.split_once("</style>").unwrap().1;
    for tag in page.split('<').skip(1).map(|part| part.split_once('>').expect("a tag ends").0) {
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
        match tag {
            tag if tag.starts_with('!') || tag.ends_with('/') || VOID.contains(&name) => {}
            tag if tag.starts_with('/') => assert_eq!(open.pop(), Some(name.to_owned())),
            _ => open.push(name.to_owned()),
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
    }
    assert!(open.is_empty(), "{open:?} are still open");
}

#[test]
fn every_page_is_well_formed_and_has_every_figure() {
    for summary in [full(), without_truth(), Summary::default()] {
        let page = page(&summary);
        check_balance(&page);
        for figure in FIGURES {
            assert!(page.contains(&format!("<figure id=\"{figure}\"")), "{figure}");
        }
        assert_eq!(page.matches("<figure").count(), FIGURES.len());
        assert!(page.contains(summary.verdict.name()));
    }
}

#[test]
fn every_image_has_a_name_and_a_description_of_its_own() {
    let page = page(&full());
    let images = page.matches("<svg").count();
    assert!(images >= 14, "{images}");
    assert_eq!(page.matches("role=\"img\" aria-labelledby=\"").count(), images);
    let mut ids: Vec<&str> = page.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "ids are unique");
}

#[test]
fn every_clock_has_a_colour() {
    let style = page(&without_truth());
    let sources = StampSource::ORDERING.map(StampSource::name);
    for name in Algorithm::ALL.map(Algorithm::name).into_iter().chain(sources) {
        assert!(style.contains(&format!(".c-{name} {{")), "{name}");
    }
}

#[test]
fn what_is_unknown_is_absent_in_words() {
    let page = page(&without_truth());
    assert_eq!(page.matches("class=\"absent\"").count(), 9, "seven figures, the bound and the claims");
    for why in ["without true time nobody knows", "no ordering phase", "No bound can be promised", "UNKNOWN"] {
        assert!(page.contains(why), "{why}");
    }
}

#[test]
fn text_of_others_cannot_break_out() {
    let page = page(&full());
    assert!(!page.contains(HOSTILE) && !page.contains("<script") && !page.contains("<img") && !page.contains("<b>,"));
    assert!(
        page.contains(
            "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#39;more&#39; \u{fffd} &lt;img src=x&gt;"
        )
    );
    assert!(page.contains("replayed&lt;b&gt; 3"));
}

#[test]
fn the_page_asks_nothing_of_anybody() {
    let mut summary = full();
    summary.notes.clear();
    let page = page(&summary);
    for request in
        ["http:", "https:", "src", "href", "url(", "@import", "<link", "<script", "<iframe", "onload", "onclick"]
    {
        let found = page.replace("default-src", "").replace("style-src", "");
        assert!(!found.contains(request), "{request}");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn the_same_summary_gives_the_same_small_page() {
    for summary in [full(), large(40), large(64), large(65)] {
        let page = page(&summary);
        assert_eq!(page, self::page(&summary));
        assert!(page.len() < 1_000_000, "{} nodes: {} bytes", summary.series.nodes.len(), page.len());
        assert!(!page.contains("NaN") && !page.contains("inf\""));
    }
}

#[test]
fn a_run_without_a_window_says_so() {
    let mut summary = full();
    summary.warm_up = summary.duration.map(|run| run + Nanos(1));
    let page = page(&summary);
    assert!(page.contains("the run ended before the warm-up was over"));
    check_balance(&page);
}
