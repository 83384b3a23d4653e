//! A figure: its drawing, and in words what one sees.

use super::svg::Drawing;
use super::words::escape;

/// How wide a drawing is that has a page to itself.
const WIDE: f64 = 912.0;
/// How wide the same is on a phone, so that its text keeps its size.
const NARROW: f64 = 350.0;
/// How wide a panel is: two fit side by side, and one fits a phone.
pub const PANEL: f64 = 420.0;

/// What a figure shows, and to whom it is named how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Named<'a> {
    /// Its id in the page.
    pub id: &'a str,
    /// Its name.
    pub title: &'a str,
    /// What one sees, in words.
    pub caption: &'a str,
}

impl Named<'_> {
    /// A figure that is drawn twice: for a page, and for a phone. The page shows one of them.
    pub fn responsive(&self, draw: impl Fn(f64) -> Drawing) -> String {
        let image = |class: &str, width: f64| {
            draw(width).finish(class, &format!("{}-{class}", self.id), self.title, self.caption)
        };
        self.around(&(image("wide", WIDE) + &image("narrow", NARROW)))
    }

    /// A figure of panels, which stand side by side where there is room. Each has a name of its own.
    pub fn panels(&self, panels: Vec<(String, Drawing)>) -> String {
        let image = |(index, (name, drawing)): (usize, (String, Drawing))| {
            let title = format!("{}: {name}", self.title);
            drawing.finish("panel", &format!("{}-{index}", self.id), &title, self.caption)
        };
        let images: String = panels.into_iter().enumerate().map(image).collect();
        self.around(&format!("<div class=\"panels\">\n{images}</div>\n"))
    }

    /// A figure that cannot be drawn: its caption says why.
    pub fn absent(&self) -> String {
        format!(
            "<figure id=\"{}\" class=\"absent\">\n<figcaption>{}</figcaption>\n</figure>\n",
            self.id,
            escape(self.caption)
        )
    }

    fn around(&self, images: &str) -> String {
        format!("<figure id=\"{}\">\n{images}<figcaption>{}</figcaption>\n</figure>\n", self.id, escape(self.caption))
    }
}
