//! What a TOML file's refusal says: where, of which key, and no more of the file than helps.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue, Error};

use super::Refused;

/// Nothing longer is echoed of a line of the file, or of a value.
const MOST_ECHOED: usize = 160;

/// A value of the file.
type Value<'a, 'i> = &'a Spanned<DeValue<'i>>;

/// The refusal in the words of the TOML reader. It knows no key inside `[[event]]` and inline tables, so that the key is looked
/// up there: the only one with the value that the words quote.
pub fn told(text: &str, error: &Error) -> Refused {
    let shown = error.to_string();
    let message = shortened(error.message());
    let message = match culprit(text, error) {
        Some(key) => format!("{key}: {message}"),
        None => message,
    };
    let picture: Vec<&str> = shown.lines().take_while(|line| *line != error.message()).collect();
    let is_short = picture.iter().all(|line| line.chars().count() <= MOST_ECHOED);
    let picture = &picture[..if is_short { picture.len() } else { picture.len().min(1) }];
    Refused(picture.iter().copied().chain(message.lines()).collect::<Vec<_>>().join("\n"))
}

/// The beginning and the end of what is too long.
fn shortened(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    if letters.len() <= 3 * MOST_ECHOED {
        return text.to_owned();
    }
    let (first, last) = (&letters[..MOST_ECHOED], &letters[letters.len() - MOST_ECHOED..]);
    format!("{} ... {}", first.iter().collect::<String>(), last.iter().collect::<String>())
}

/// The key that the reader complains of, if it points at a whole table, or at all tables of a name, and one key alone in there
/// has the value that it quotes.
fn culprit(text: &str, error: &Error) -> Option<String> {
    let quoted = error.message().split('`').nth(1)?;
    let (document, span) = (DeTable::parse(text).ok()?, error.span()?);
    let top = document.get_ref().iter().map(|(key, value)| (key.get_ref().to_string(), value));
    let (path, value) = top.into_iter().find_map(|(path, value)| at_span(value, &span, path))?;
    let found = scalars(value, path).into_iter().filter(|(_, value)| reads(value, quoted));
    let mut keys: Vec<String> = found.map(|(path, _)| path).collect();
    keys.dedup();
    if keys.len() == 1 { keys.pop() } else { None }
}

/// The table or the array at `span`, with its name.
fn at_span<'a, 'i>(
    value: &'a Spanned<DeValue<'i>>,
    span: &Range<usize>,
    path: String,
) -> Option<(String, Value<'a, 'i>)> {
    match inner(value, &path) {
        inner if inner.is_empty() => None,
        _ if value.span() == *span => Some((path, value)),
        inner => inner.into_iter().find_map(|(path, value)| at_span(value, span, path)),
    }
}

/// Every value in it that is neither table nor array, with the name of its key.
fn scalars<'a, 'i>(value: Value<'a, 'i>, path: String) -> Vec<(String, &'a DeValue<'i>)> {
    match value.get_ref() {
        DeValue::Table(_) | DeValue::Array(_) => {
            inner(value, &path).into_iter().flat_map(|(path, value)| scalars(value, path)).collect()
        }
        scalar => vec![(path, scalar)],
    }
}

/// What a table or an array consists of, with its names. Plain values in an array have the name of its key.
fn inner<'a, 'i>(value: Value<'a, 'i>, path: &str) -> Vec<(String, Value<'a, 'i>)> {
    match value.get_ref() {
        DeValue::Table(table) => {
            table.iter().map(|(key, value)| (format!("{path}.{}", key.get_ref()), value)).collect()
        }
        DeValue::Array(values) => {
            let name = |index, value: Value<'_, '_>| {
                if value.get_ref().is_table() { format!("{path}[{index}]") } else { path.to_owned() }
            };
            values.iter().enumerate().map(|(index, value)| (name(index, value), value)).collect()
        }
        _ => Vec::new(),
    }
}

fn reads(value: &DeValue<'_>, quoted: &str) -> bool {
    match value {
        DeValue::String(text) => text == quoted,
        DeValue::Integer(number) => number.as_str() == quoted,
        DeValue::Float(number) => number.as_str() == quoted,
        DeValue::Boolean(truth) => truth.to_string() == quoted,
        _ => false,
    }
}
