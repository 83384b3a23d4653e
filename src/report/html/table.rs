//! Tables that scroll in a container of their own where the page is narrow.

use super::words::escape;

/// A table whose first column names its rows. Every text is escaped here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Table {
    class: &'static str,
    caption: String,
    columns: Vec<&'static str>,
    rows: Vec<(String, Vec<String>)>,
}

impl Table {
    /// A table without rows; `columns` are separated by bars.
    pub fn new(caption: &str, columns: &'static str) -> Self {
        Self { class: "numbers", caption: caption.to_owned(), columns: columns.split('|').collect(), rows: Vec::new() }
    }

    /// A table whose cells are words rather than numbers.
    pub fn of_words(caption: &str, columns: &'static str) -> Self {
        Self { class: "words", ..Self::new(caption, columns) }
    }

    /// Adds a row; `class` marks the cell with its name.
    pub fn row(&mut self, class: &str, cells: Vec<String>) {
        self.rows.push((class.to_owned(), cells));
    }

    /// The table.
    pub fn finish(self) -> String {
        let head: String = self.columns.iter().map(|name| format!("<th scope=\"col\">{}</th>", escape(name))).collect();
        let rows: String = self.rows.iter().map(|(class, cells)| row(class, cells)).collect();
        let caption = escape(&self.caption);
        format!(
            "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{caption}\">\n<table class=\"{}\"><caption><span>{caption}</span></caption>\n\
             <thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody></table>\n</div>\n",
            self.class
        )
    }
}

fn row(class: &str, cells: &[String]) -> String {
    let Some((name, numbers)) = cells.split_first() else { return String::new() };
    let numbers: String = numbers.iter().map(|cell| format!("<td>{}</td>", escape(cell))).collect();
    format!("<tr><th scope=\"row\"><span class=\"{class}\">{}</span></th>{numbers}</tr>\n", escape(name))
}
