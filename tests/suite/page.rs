//! The page as a browser shows it: on a desk and on a phone, in light and in dark.

use std::io::Write;

use serde_json::Value;
use skewbench::analysis::Summary;
use skewbench::report::html::report_html;

use crate::chromium::{Colours, Shown, installed, show};
use crate::folder::Folder;
use crate::ordered_run;

const FIGURES: [&str; 8] = ["epsilon", "offsets", "pairs", "proved", "steadiness", "delays", "lateness", "ordering"];

/// Measures pages in frames as wide as a desk's and a phone's screen: a browser's window cannot be as narrow as a phone.
const MEASURE: &str = r#"
onload = () => {
  const seen = box => box.width > 0 && box.height > 0;
  const cut = svg => [...svg.querySelectorAll('text')].filter(text => {
    const [inner, outer] = [text.getBoundingClientRect(), svg.getBoundingClientRect()];
    return inner.left < outer.left - 1 || inner.right > outer.right + 1 || inner.bottom > outer.bottom + 1;
  }).map(text => text.textContent);
  const figure = figure => {
    const images = [...figure.querySelectorAll('svg')].filter(svg => seen(svg.getBoundingClientRect()));
    const size = image => parseFloat(getComputedStyle(image.querySelector('text')).fontSize)
      * image.getBoundingClientRect().width / image.viewBox.baseVal.width;
    return { id: figure.id, seen: seen(figure.getBoundingClientRect()), images: images.length,
      cut: images.flatMap(cut), smallest_text_px: Math.min(...images.map(size)) };
  };
  const page = frame => {
    const [root, view] = [frame.contentDocument.documentElement, frame.contentWindow];
    const body = view.getComputedStyle(frame.contentDocument.body);
    return { frame: frame.id, width: view.innerWidth, content_width: root.scrollWidth, ink: body.color,
      paper: body.backgroundColor, requests: view.performance.getEntriesByType('resource').map(entry => entry.name),
      verdict_bottom: frame.contentDocument.querySelector('h1').getBoundingClientRect().bottom,
      figures: [...frame.contentDocument.querySelectorAll('figure')].map(figure) };
  };
  document.getElementById('measured').textContent = JSON.stringify([...document.querySelectorAll('iframe')].map(page));
};
"#;

fn html(summary: &Summary) -> String {
    String::from_utf8(report_html(summary)).expect("text")
}

/// A document that holds `page` unchanged in three frames.
fn frames(page: &str) -> String {
    let text = page.replace('&', "&amp;").replace('"', "&quot;");
    let frame = |id: &str, width: u32| {
        format!("<iframe id=\"{id}\" width=\"{width}\" height=\"844\" frameborder=\"0\" srcdoc=\"{text}\"></iframe>")
    };
    format!(
        "<!DOCTYPE html><meta charset=\"utf-8\"><meta name=\"color-scheme\" content=\"light dark\">{}{}{}<pre id=\"measured\"></pre><script>{MEASURE}</script>",
        frame("desk", 1180),
        frame("tablet", 768),
        frame("phone", 390)
    )
}

fn measured(shown: &Shown) -> Vec<Value> {
    let text = shown.document.rsplit_once("<pre id=\"measured\">").expect("a place for measures").1;
    let text = text.split_once("</pre>").expect("its end").0.replace("&gt;", ">").replace("&lt;", "<");
    serde_json::from_str(&text.replace("&amp;", "&")).unwrap_or_else(|why| panic!("{why}: {:?}", shown.console))
}

/// The browser, or a line that names the test that does without.
fn browser(test: &str) -> Option<&'static str> {
    let found = installed();
    if found.is_none() {
        let line = format!("SKIPPED {test}: no chromium here; Debian has it (apt-get install chromium)");
        // Not captured, as what a passing test prints would be.
        let _ = writeln!(std::io::stderr(), "{line}");
    }
    found
}

fn check(page: &Value, images: &[u64]) {
    let name = &page["frame"];
    assert!(page["content_width"].as_u64() <= page["width"].as_u64(), "{name} scrolls sideways: {page}");
    assert_eq!(page["requests"], Value::Array(vec![]), "{name}");
    assert!(page["verdict_bottom"].as_f64() < Some(400.0), "{name}: verdict and answer come first");
    let figures = page["figures"].as_array().expect("figures");
    let ids: Vec<&str> = figures.iter().filter_map(|figure| figure["id"].as_str()).collect();
    assert_eq!(ids, FIGURES);
    for (figure, images) in figures.iter().zip(images) {
        assert!(figure["seen"] == true && figure["images"] == *images, "{name}: {figure}");
        assert_eq!(figure["cut"], Value::Array(vec![]), "{name}: text leaves its image");
        if *images > 0 {
            assert!(figure["smallest_text_px"].as_f64() >= Some(8.5), "{name}: {figure}");
        }
    }
}

/// Red, green and blue of a computed colour.
fn channels(colour: &Value) -> Vec<f64> {
    let text = colour.as_str().expect("a colour");
    text.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).take(3).collect()
}

fn lightness(colour: &Value) -> f64 {
    channels(colour).iter().sum::<f64>() / 3.0
}

#[test]
fn the_page_shows_every_figure_on_a_desk_and_on_a_phone_in_light_and_in_dark() {
    let Some(browser) = browser("the_page_shows_every_figure_on_a_desk_and_on_a_phone_in_light_and_in_dark") else {
        return;
    };
    let folder = Folder::new("page");
    for (nodes, images) in [(3, [1, 4, 4, 4, 2, 1, 1, 2]), (9, [1, 4, 4, 4, 2, 1, 1, 2])] {
        let file = folder.write(&format!("frames-{nodes}.html"), &frames(&html(&ordered_run::summary(nodes, 7))));
        for colours in [Colours::Light, Colours::Dark] {
            let shown = show(browser, &file, colours);
            assert_eq!(shown.console, Vec::<String>::new());
            let pages = measured(&shown);
            assert_eq!(pages.iter().filter_map(|page| page["width"].as_u64()).collect::<Vec<_>>(), [1180, 768, 390]);
            for page in &pages {
                check(page, &images);
                let (ink, paper) = (lightness(&page["ink"]), lightness(&page["paper"]));
                let expected = if colours == Colours::Dark { ink - paper } else { paper - ink };
                assert!(expected > 150.0, "{colours:?}: {page}");
            }
        }
    }
}

#[test]
fn a_page_of_which_nothing_is_known_stands_as_well() {
    let Some(browser) = browser("a_page_of_which_nothing_is_known_stands_as_well") else { return };
    let folder = Folder::new("empty");
    let file = folder.write("empty.html", &frames(&html(&Summary::default())));
    let shown = show(browser, &file, Colours::Light);
    assert_eq!(shown.console, Vec::<String>::new());
    measured(&shown).iter().for_each(|page| check(page, &[0; 8]));
}

#[test]
fn the_page_asks_nothing_of_anybody_and_this_test_would_see_it() {
    let Some(browser) = browser("the_page_asks_nothing_of_anybody_and_this_test_would_see_it") else { return };
    let folder = Folder::new("silent");
    let page = html(&ordered_run::summary(3, 7));
    let shown = show(browser, &folder.write("silent.html", &page), Colours::Light);
    assert!(shown.document.contains("</html>"));
    assert_eq!((shown.requests, shown.console), (vec![], vec![]));
    let loud = "<!DOCTYPE html><img src=\"http://example.invalid/x.png\"><script>throw new Error('loud')</script>";
    let shown = show(browser, &folder.write("loud.html", loud), Colours::Light);
    assert_eq!(shown.requests, ["http://example.invalid/x.png"]);
    assert!(shown.console.iter().any(|line| line.contains("loud")));
}
