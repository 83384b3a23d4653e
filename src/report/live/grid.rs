//! Tables of aligned columns, of which as many are shown as fit.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// A cell's text and style.
pub type Cell = (String, Style);

/// The header and the rows; a column's width is that of its cells, negative to align them to the left. Columns that do
/// not fit are left out, those on the right first.
pub fn table(columns: &[(&str, i16)], heading: Style, rows: Vec<Vec<Cell>>, width: u16) -> Vec<Line<'static>> {
    let mut room = i32::from(width);
    let fits = |size: &i16| {
        room -= i32::from(size.unsigned_abs());
        room >= 0
    };
    let sizes: Vec<i16> = columns.iter().map(|(_, size)| *size).take_while(fits).collect();
    let header = columns.iter().map(|(name, _)| ((*name).to_owned(), heading)).collect();
    std::iter::once(header).chain(rows).map(|cells| line(&sizes, cells)).collect()
}

fn line(sizes: &[i16], cells: Vec<Cell>) -> Line<'static> {
    let aligned = |(size, (text, style)): (&i16, Cell)| {
        let width = usize::from(size.unsigned_abs());
        let text = if *size < 0 { format!("{text:<width$}") } else { format!("{text:>width$}") };
        Span::styled(text, style)
    };
    Line::from(sizes.iter().zip(cells).map(aligned).collect::<Vec<_>>())
}
