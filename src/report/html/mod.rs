//! `report.html`: the whole report as one page that asks nothing of anybody.
//!
//! There is no script, and nothing is loaded: the style sheet and all figures are in the page, and its own policy
//! forbids the rest. Figures are drawn here, as SVG with axes, units, legends, and words for screen readers. The same
//! summary gives the same bytes.
//!
//! Reading order: [`page`] (what comes in which order), one file for each figure, and below them [`figure`], [`axes`],
//! [`labels`], [`scale`], [`svg`], [`words`].

pub mod arcs;
pub mod axes;
pub mod bound;
pub mod certified;
pub mod claims;
pub mod clocks;
pub mod distribution;
pub mod epsilon;
pub mod events;
pub mod facts;
pub mod figure;
pub mod heatmap;
pub mod labels;
pub mod lateness;
pub mod limits;
pub mod loops;
pub mod ordering;
pub mod page;
pub mod parameters;
pub mod played;
pub mod price;
pub mod ranges;
pub mod scale;
pub mod stability;
pub mod steadiness;
pub mod svg;
pub mod table;
pub mod words;

#[cfg(test)]
mod tests;

use crate::analysis::Summary;

/// The page.
pub fn report_html(summary: &Summary) -> Vec<u8> {
    page::page(summary).into_bytes()
}
