//! A column of numbers in a text: one a line, or a column of a CSV file with a header.

use super::phase::Kind;

/// Bad rows are named by line up to this many.
const MOST_NAMED: usize = 5;

/// What a text says.
#[derive(Clone, PartialEq, Debug)]
pub struct Column {
    /// What its numbers are.
    pub kind: Kind,
    /// The numbers in order; `None` where one is missing, which is a gap.
    pub values: Vec<Option<f64>>,
    /// Lines whose number cannot be read, which are gaps too.
    pub bad_lines: Vec<usize>,
}

impl Column {
    /// The numbers of `text`. A header names the column, `phase` (seconds) or `frequency` (dimensionless); without one
    /// there must be one column, of kind `asked` or else of phases. An empty field or `nan` is a gap; lines that are empty
    /// or begin with `#` are none.
    ///
    /// # Errors
    /// Says what is missing and the mend.
    pub fn read(text: &str, asked: Option<Kind>) -> Result<Self, String> {
        let mut lines = text.lines().zip(1..).map(|(line, number)| (line.trim(), number));
        let is_data = |(line, _): &(&str, usize)| !line.is_empty() && !line.starts_with('#');
        let mut lines = lines.by_ref().filter(is_data).peekable();
        let Some((first, _)) = lines.peek() else { return Err("it holds no number: give one a line".to_owned()) };
        let parted = Separator::of(first);
        let names: Vec<String> = parted.fields(first).map(|name| name.to_ascii_lowercase()).collect();
        let has_header = names.iter().any(|name| number(name).is_err());
        let (index, kind) = if has_header { choose(&names, asked)? } else { only(&names, asked)? };
        let (mut values, mut bad_lines) = (Vec::new(), Vec::new());
        for (line, at) in lines.skip(usize::from(has_header)) {
            let read = parted.fields(line).nth(index).map_or(Ok(None), number);
            bad_lines.extend(read.is_err().then_some(at));
            values.push(read.unwrap_or(None));
        }
        Ok(Self { kind, values, bad_lines })
    }

    /// What a reader must know of bad lines, in words.
    pub fn complaint(&self) -> Option<String> {
        let named: Vec<String> = self.bad_lines.iter().take(MOST_NAMED).map(usize::to_string).collect();
        let more = self.bad_lines.len().saturating_sub(MOST_NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        (!named.is_empty()).then(|| format!("no number, and so a gap: line {}{more}", named.join(", ")))
    }
}

/// What parts the fields of a line.
#[derive(Clone, Copy)]
enum Separator {
    Mark(char),
    Blanks,
}

impl Separator {
    fn of(line: &str) -> Self {
        [',', ';', '\t'].into_iter().find(|mark| line.contains(*mark)).map_or(Self::Blanks, Self::Mark)
    }

    fn fields(self, line: &str) -> impl Iterator<Item = &str> {
        let fields: Vec<&str> = match self {
            Self::Mark(mark) => line.split(mark).collect(),
            Self::Blanks => line.split_whitespace().collect(),
        };
        fields.into_iter().map(|field| field.trim().trim_matches('"').trim())
    }
}

/// A field's number; `None` where it says that there is none.
fn number(field: &str) -> Result<Option<f64>, ()> {
    if field.is_empty() || field.eq_ignore_ascii_case("nan") {
        return Ok(None);
    }
    field.parse::<f64>().ok().filter(|value| value.is_finite()).map(Some).ok_or(())
}

/// The column of that kind, by its name; a unit may follow the name.
fn choose(names: &[String], asked: Option<Kind>) -> Result<(usize, Kind), String> {
    let kind_of = |name: &String| Kind::named(name.split(['_', ' ', '(', '[']).next().unwrap_or(name));
    let wanted = |name: &String| kind_of(name).filter(|kind| asked.is_none_or(|asked| asked == *kind));
    let found = names.iter().enumerate().find_map(|(index, name)| Some((index, wanted(name)?)));
    let alone = || asked.filter(|_| names.len() == 1).map(|kind| (0, kind));
    found.or_else(alone).ok_or_else(|| {
        let wanted = asked.map_or_else(|| "`phase` or `frequency`".to_owned(), |kind| format!("`{kind}`"));
        format!("the header `{}` names no column {wanted}: name the column to be read so", names.join(","))
    })
}

fn only(names: &[String], asked: Option<Kind>) -> Result<(usize, Kind), String> {
    if names.len() == 1 {
        return Ok((0, asked.unwrap_or_default()));
    }
    Err(format!("{} columns and no header: add one that names a column `phase` or `frequency`", names.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Column {
        Column::read(text, None).unwrap()
    }

    #[test]
    fn a_plain_column_is_phases_unless_asked_otherwise() {
        let column = read("# seconds\n1e-9\n\n-2.5\nnan\n3\n");
        assert_eq!((column.kind, column.values), (Kind::Phase, vec![Some(1e-9), Some(-2.5), None, Some(3.0)]));
        assert_eq!(Column::read("1\n2", Some(Kind::Frequency)).unwrap().kind, Kind::Frequency);
    }

    #[test]
    fn a_header_names_the_column() {
        let column = read("time,\"Frequency\"\r\n0,1.5\r\n1,\r\n2,-2e-6\r\n");
        assert_eq!((column.kind, column.values), (Kind::Frequency, vec![Some(1.5), None, Some(-2e-6)]));
        assert_eq!(read("t;phase_s\n1;2\n").values, [Some(2.0)]);
        let both = "phase,frequency\n1,2\n";
        assert_eq!(read(both).values, [Some(1.0)]);
        assert_eq!(Column::read(both, Some(Kind::Frequency)).unwrap().values, [Some(2.0)]);
        assert_eq!(Column::read("x\n7", Some(Kind::Phase)).unwrap().values, [Some(7.0)]);
    }

    #[test]
    fn bad_rows_are_gaps_and_named_by_line() {
        let column = read("phase\n1\nx\n2\ninf\n3");
        assert_eq!(column.values, [Some(1.0), None, Some(2.0), None, Some(3.0)]);
        assert_eq!(column.complaint().unwrap(), "no number, and so a gap: line 3, 5");
        assert_eq!(read("1\n2").complaint(), None);
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_the_mend() {
        for (text, mend) in [("", "one a line"), ("1,2\n3,4", "add one that names"), ("a,b\n1,2", "name the column")] {
            let refused = Column::read(text, None).unwrap_err();
            assert!(refused.contains(mend), "{refused}");
        }
    }
}
