//! How the height is shared: tables first as long as the chart keeps a readable size, then the chart without them.

use ratatui::layout::Rect;

/// Below these the view is told in a few words.
pub const LEAST_WIDTH: u16 = 44;
/// See [`LEAST_WIDTH`].
pub const LEAST_HEIGHT: u16 = 10;
/// A chart that is lower says nothing.
const LEAST_CHART: u16 = 7;
/// Rows of arcs that are shown even at the expense of the chart's height.
const FEW_ARCS: u16 = 3;

/// How many lines each part would like to have; tables without their title and heading.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wants {
    /// Lines of the header.
    pub header: u16,
    /// Rows of the clocks.
    pub clocks: u16,
    /// Rows of the arcs.
    pub arcs: u16,
    /// Rows of the ordering stage.
    pub ordering: u16,
}

/// Where each part is; a part without room has no height.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Parts {
    /// At the top.
    pub header: Rect,
    /// Below it.
    pub clocks: Rect,
    /// Below that, as high as possible.
    pub chart: Rect,
    /// Below the chart.
    pub arcs: Rect,
    /// Below the arcs.
    pub ordering: Rect,
    /// The last line.
    pub footer: Rect,
}

/// Divides `area` from top to bottom.
pub fn divide(area: Rect, wants: &Wants) -> Parts {
    let mut left = area.height.saturating_sub(1);
    let mut take = |lines: u16| {
        let taken = lines.min(left);
        left -= taken;
        taken
    };
    let header = take(wants.header);
    let clocks = take(wants.clocks + 1);
    let few = take(if wants.arcs > 0 { wants.arcs.min(FEW_ARCS) + 2 } else { 0 });
    let ordering = take(if wants.ordering > 0 { wants.ordering + 2 } else { 0 });
    let chart = if left >= LEAST_CHART { LEAST_CHART } else { 0 };
    left -= chart;
    let more = left.min(wants.arcs.saturating_sub(FEW_ARCS)).min(if chart > 0 { left / 2 } else { left });
    let heights = [header, clocks, if chart > 0 { chart + left - more } else { 0 }, few + more, ordering];
    let mut top = area.y;
    let [header, clocks, chart, arcs, ordering] = heights.map(|height| {
        let part = Rect { y: top, height, ..area };
        top += height;
        part
    });
    let footer = Rect { y: area.bottom().saturating_sub(1), height: 1.min(area.height), ..area };
    Parts { header, clocks, chart, arcs, ordering, footer }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever the size, parts lie one below the other inside the area.
        #[test]
        fn parts_never_overlap(width in 0..300_u16, height in 0..120_u16, wants in prop::array::uniform4(0..200_u16)) {
            let area = Rect { x: 0, y: 0, width, height };
            let [header, clocks, arcs, ordering] = wants;
            let parts = divide(area, &Wants { header, clocks, arcs, ordering });
            let inner = [parts.header, parts.clocks, parts.chart, parts.arcs, parts.ordering];
            prop_assert!(inner.windows(2).all(|pair| pair[0].bottom() == pair[1].y));
            prop_assert!(parts.ordering.bottom() <= parts.footer.y.max(1) && parts.footer.bottom() <= height);
        }
    }

    #[test]
    fn the_chart_keeps_a_readable_height_or_goes() {
        let wants = Wants { header: 2, clocks: 4, arcs: 6, ordering: 0 };
        let chart = |height| divide(Rect { x: 0, y: 0, width: 80, height }, &wants).chart.height;
        assert_eq!([chart(12), chart(19), chart(20)], [0, 0, 7]);
        assert!(chart(50) > 25);
    }
}
