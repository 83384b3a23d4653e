//! Names in a file: one as text, several as a list, or `all`.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{self, Deserializer, SeqAccess, Visitor};

use super::{Clock, Workload};

/// What can be named so.
pub trait Listed: Copy + PartialEq + FromStr<Err = String> + 'static {
    /// All that there are.
    const EVERY: &'static [Self];
    /// What one of them is called in refusals.
    const KIND: &'static str;
}

impl Listed for Workload {
    const EVERY: &'static [Self] = &Self::ALL;
    const KIND: &'static str = "workload";
}

impl Listed for Clock {
    const EVERY: &'static [Self] = &Self::ALL;
    const KIND: &'static str = "clock";
}

/// Reads them, each once, in the order in which they are named.
///
/// # Errors
/// A name that is none, with those that there are; an empty list.
pub fn deserialize<'de, D: Deserializer<'de>, T: Listed>(from: D) -> Result<Vec<T>, D::Error> {
    from.deserialize_any(Names(PhantomData))
}

struct Names<T>(PhantomData<T>);

impl<T: Listed> Names<T> {
    fn add<E: de::Error>(found: &mut Vec<T>, name: &str) -> Result<(), E> {
        let named = if name == "all" {
            T::EVERY.to_vec()
        } else {
            vec![name.parse().map_err(|why| E::custom(format!("{why}, all")))?]
        };
        for one in named {
            if !found.contains(&one) {
                found.push(one);
            }
        }
        Ok(())
    }
}

impl<'de, T: Listed> Visitor<'de> for Names<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the name of a {kind}, or a list of names", kind = T::KIND)
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Vec<T>, E> {
        let mut found = Vec::new();
        Self::add(&mut found, name)?;
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<Vec<T>, A::Error> {
        let mut found = Vec::new();
        while let Some(name) = names.next_element::<String>()? {
            Self::add(&mut found, &name)?;
        }
        let none = || de::Error::custom(format!("no {kind} is named: name one, or write \"all\"", kind = T::KIND));
        if found.is_empty() { Err(none()) } else { Ok(found) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct File {
        #[serde(deserialize_with = "super::deserialize")]
        workload: Vec<Workload>,
    }

    fn read(text: &str) -> Result<Vec<Workload>, String> {
        serde_json::from_str::<File>(&format!("{{\"workload\":{text}}}"))
            .map(|file| file.workload)
            .map_err(|why| why.to_string())
    }

    #[test]
    fn one_several_or_all_are_named_each_once() {
        assert_eq!(read("\"mutex\""), Ok(vec![Workload::Mutex]));
        assert_eq!(read("[\"causal\",\"mutex\",\"causal\"]"), Ok(vec![Workload::Causal, Workload::Mutex]));
        assert_eq!(read("\"all\"").map(|all| all.len()), Ok(Workload::ALL.len()));
    }

    #[test]
    fn what_is_none_is_refused_with_those_that_there_are() {
        assert!(read("\"tennis\"").unwrap_err().contains("byzantine"));
        assert!(read("[]").unwrap_err().contains("name one, or write \"all\""));
        assert!(read("7").unwrap_err().contains("the name of a workload"));
    }
}
