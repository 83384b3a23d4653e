//! What can be named on a command line or in a file, found by its name.

/// The one of `all` whose name is `text`.
///
/// # Errors
/// Says that `text` is no `what`, and which there are.
pub fn by_name<T: Copy, const N: usize>(
    all: [T; N],
    name: fn(T) -> &'static str,
    what: &str,
    text: &str,
) -> Result<T, String> {
    all.into_iter().find(|one| name(*one) == text).ok_or_else(|| {
        let names = all.map(name).join(", ");
        format!("`{text}` is no {what}: choose one of {names}")
    })
}

/// Shows a type that has `ALL` and `name` by its name, and finds it by that as a `what`.
macro_rules! named {
    ($type:ty, $what:literal) => {
        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl std::str::FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                $crate::names::by_name(Self::ALL, Self::name, $what, text)
            }
        }
    };
}

pub(crate) use named;
