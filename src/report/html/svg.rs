//! A drawing: shapes with classes, which the style sheet colours for light and for dark.

use std::fmt::Write;

use super::words::escape;

/// A point of a drawing, from the left and from the top.
pub type Point = (f64, f64);

/// A number as short as a drawing needs it.
pub fn short(number: f64) -> String {
    let number = if number.is_finite() { number } else { 0.0 };
    let text = format!("{number:.1}");
    text.strip_suffix(".0").map_or_else(|| text.clone(), str::to_owned).replace("-0", "0")
}

/// A path through points.
pub fn through(points: impl IntoIterator<Item = Point>) -> String {
    let mut path = String::new();
    for (x, y) in points {
        path.push(if path.is_empty() { 'M' } else { 'L' });
        path += &format!("{} {}", short(x), short(y));
    }
    path
}

/// Shapes on a sheet of a given size.
#[derive(Clone, PartialEq, Debug)]
pub struct Drawing {
    width: f64,
    height: f64,
    body: String,
}

impl Drawing {
    /// An empty sheet.
    pub const fn new(width: f64, height: f64) -> Self {
        Self { width, height, body: String::new() }
    }

    /// How wide it is.
    pub const fn width(&self) -> f64 {
        self.width
    }

    /// A straight line.
    pub fn line(&mut self, class: &str, from: Point, to: Point) {
        let [x1, y1, x2, y2] = [from.0, from.1, to.0, to.1].map(short);
        self.add(format_args!(r#"<line class="{class}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>"#));
    }

    /// A rectangle from its upper left corner.
    pub fn rect(&mut self, class: &str, at: Point, size: Point) {
        let [x, y, width, height] = [at.0, at.1, size.0.max(0.0), size.1.max(0.0)].map(short);
        self.add(format_args!(r#"<rect class="{class}" x="{x}" y="{y}" width="{width}" height="{height}"/>"#));
    }

    /// A disc.
    pub fn disc(&mut self, class: &str, at: Point, radius: f64) {
        let [x, y, r] = [at.0, at.1, radius].map(short);
        self.add(format_args!(r#"<circle class="{class}" cx="{x}" cy="{y}" r="{r}"/>"#));
    }

    /// A path in SVG's own language.
    pub fn path(&mut self, class: &str, path: &str) {
        if !path.is_empty() {
            self.add(format_args!(r#"<path class="{class}" d="{path}"/>"#));
        }
    }

    /// Text; the class says which of its ends is at the point.
    pub fn text(&mut self, class: &str, at: Point, text: &str) {
        let ([x, y], text) = ([at.0, at.1].map(short), escape(text));
        self.add(format_args!(r#"<text class="{class}" x="{x}" y="{y}">{text}</text>"#));
    }

    /// The image, with a name and a description for those who do not see it.
    pub fn finish(self, class: &str, id: &str, title: &str, description: &str) -> String {
        let [width, height] = [self.width, self.height].map(short);
        let (title, description, body) = (escape(title), escape(description), self.body);
        format!(
            r#"<svg class="{class}" viewBox="0 0 {width} {height}" role="img" aria-labelledby="{id}-t {id}-d"><title id="{id}-t">{title}</title><desc id="{id}-d">{description}</desc>{body}</svg>
"#
        )
    }

    fn add(&mut self, shape: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.body.write_fmt(shape);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_finite() {
        assert_eq!([1.0, 0.26, -3.04, f64::NAN, -0.04].map(short), ["1", "0.3", "-3", "0", "0"]);
        assert_eq!(through([(1.0, 2.0), (3.5, 4.0)]), "M1 2L3.5 4");
    }

    #[test]
    fn a_drawing_names_itself() {
        let mut drawing = Drawing::new(10.0, 5.0);
        drawing.text("mid", (1.0, 2.0), "<b>");
        let svg = drawing.finish("wide", "x", "A & b", "c");
        assert!(svg.contains(r#"role="img" aria-labelledby="x-t x-d"><title id="x-t">A &amp; b</title>"#), "{svg}");
        assert!(svg.contains("&lt;b&gt;"));
    }
}
