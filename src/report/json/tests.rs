//! Real reports against the published schema, by a checker of the few keywords that the schema uses.

use serde_json::{Map, Value, json};

use super::*;
use crate::analysis::parameters::Symbol;
use crate::ids::Algorithm;
use crate::order::report::StampSource;
use crate::report::testing::{full, without_truth};

const SCHEMA_FILE: &str = include_str!("../../../docs/report.schema.json");

/// Keywords that do not constrain.
const ANNOTATIONS: [&str; 5] = ["$schema", "$id", "$defs", "title", "description"];

struct Checker {
    root: Value,
}

impl Checker {
    fn new() -> Self {
        Self { root: serde_json::from_str(SCHEMA_FILE).expect("the schema is JSON") }
    }

    fn check(&self, report: &Value) -> Result<(), String> {
        self.fits(&self.root, report).map_err(|why| format!("report{why}"))
    }

    fn fits(&self, schema: &Value, value: &Value) -> Result<(), String> {
        let keywords = schema.as_object().expect("a schema is an object");
        keywords.iter().try_for_each(|(keyword, rule)| match keyword.as_str() {
            name if ANNOTATIONS.contains(&name) => Ok(()),
            "$ref" => self.fits(self.definition(rule), value),
            "anyOf" => {
                let fits = items(rule).iter().any(|schema| self.fits(schema, value).is_ok());
                need(fits, || format!(" fits none of {rule}"))
            }
            "properties" | "additionalProperties" => self.members(keywords, value),
            "items" => items(value)
                .iter()
                .enumerate()
                .try_for_each(|(index, item)| self.fits(rule, item).map_err(|why| format!("[{index}]{why}"))),
            _ => plain(keyword, rule, value),
        })
    }

    fn members(&self, keywords: &Map<String, Value>, value: &Value) -> Result<(), String> {
        let (known, other) = (keywords.get("properties"), keywords.get("additionalProperties"));
        value.as_object().into_iter().flatten().try_for_each(|(name, member)| {
            let schema = known.and_then(|known| known.get(name)).or(other);
            match schema {
                Some(Value::Bool(false)) => Err(format!(".{name} is not in the schema")),
                Some(schema) => self.fits(schema, member).map_err(|why| format!(".{name}{why}")),
                None => Ok(()),
            }
        })
    }

    fn definition(&self, reference: &Value) -> &Value {
        let name = reference.as_str().and_then(|text| text.strip_prefix("#/$defs/")).expect("a local reference");
        &self.root["$defs"][name]
    }
}

/// The keywords that look at one value alone. One that is not known here is a gap of this checker.
fn plain(keyword: &str, rule: &Value, value: &Value) -> Result<(), String> {
    let length = value.as_array().map(|items| items.len() as f64);
    let at_least = |size: Option<f64>| size.is_none_or(|size| size >= rule.as_f64().expect("a number"));
    let at_most = |size: Option<f64>| size.is_none_or(|size| size <= rule.as_f64().expect("a number"));
    let holds = match keyword {
        "type" => items(rule).iter().any(|name| is(value, name)),
        "enum" => items(rule).contains(value),
        "const" => rule == value,
        "required" => !value.is_object() || items(rule).iter().all(|name| value.get(name.as_str().unwrap()).is_some()),
        "minimum" => at_least(value.as_f64()),
        "maximum" => at_most(value.as_f64()),
        "minItems" => at_least(length),
        "maxItems" => at_most(length),
        "pattern" => value.as_str().is_none_or(|text| matches(rule.as_str().expect("a pattern"), text)),
        other => panic!("{other}: a keyword that this checker does not know"),
    };
    need(holds, || format!(" = {value} breaks {keyword} {rule}"))
}

fn need(holds: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why()) }
}

/// The elements of an array; anything else is an array of itself, or empty where it must be one.
fn items(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) => items,
        Value::String(_) => std::slice::from_ref(value),
        _ => &[],
    }
}

fn is(value: &Value, name: &Value) -> bool {
    match name.as_str().expect("a type's name") {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other} is no type"),
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    match pattern {
        "^[0-9]+$" => !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()),
        "^[0-9a-f]{16}$" => text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')),
        other => panic!("{other}: a pattern that this checker does not know"),
    }
}

fn parsed(summary: &Summary) -> Value {
    serde_json::from_slice(&report_json(summary)).expect("JSON")
}

#[test]
fn reports_fit_the_schema_whatever_is_known() {
    for summary in [full(), without_truth(), Summary::default()] {
        assert_eq!(Checker::new().check(&parsed(&summary)), Ok(()));
    }
}

#[test]
fn a_report_that_does_not_fit_is_refused() {
    let refused = |change: fn(&mut Value)| {
        let mut report = parsed(&full());
        change(&mut report);
        Checker::new().check(&report).unwrap_err()
    };
    assert!(refused(|r| r["verdict"] = json!("FINE")).contains("report.verdict"));
    assert!(refused(|r| r["arcs"][0]["surprise"] = json!(1)).contains("report.arcs[0].surprise"));
    assert!(refused(|r| r["clocks"][1]["steps"] = json!(-1)).contains("minimum"));
    assert!(refused(|r| r["promise"]["bound_safe_ns"] = json!("7")).contains("type"));
    assert!(refused(|r| r["run"].as_object_mut().unwrap().retain(|name, _| name != "seed")).contains("required"));
    assert!(refused(|r| r["epsilon"]["pairs"][0] = json!([1])).contains("minItems"));
    assert!(refused(|r| r["schema"] = json!(2)).contains("const"));
    assert!(refused(|r| r["ordering"][0]["order_digest"] = json!("xyz")).contains("pattern"));
}

#[test]
fn the_schema_knows_every_clock() {
    let names = |all: &[&str]| json!(all);
    let root = Checker::new().root;
    assert_eq!(root["$defs"]["algorithm"]["enum"], names(&Algorithm::ALL.map(Algorithm::name)));
    let symbols: Vec<&str> = Symbol::ALL.iter().map(|symbol| symbol.name()).collect();
    assert_eq!(root["$defs"]["parameter"]["properties"]["symbol"]["enum"], names(&symbols));
    let sources = StampSource::ORDERING.map(StampSource::name);
    assert_eq!(root["$defs"]["order"]["properties"]["algorithm"]["enum"], names(&sources));
}

#[test]
fn every_member_of_the_schema_is_described() {
    fn look(schema: &Value) {
        for (name, member) in schema["properties"].as_object().into_iter().flatten() {
            assert!(member.get("description").or(member.get("$ref")).is_some(), "{name}");
            look(member);
        }
    }
    let root = Checker::new().root;
    look(&root);
    root["$defs"].as_object().unwrap().values().for_each(|schema| {
        assert!(schema.get("description").is_some(), "{schema}");
        look(schema);
    });
}

#[test]
fn numbers_are_those_of_the_csv_files() {
    let (summary, names) = (full(), |file: Vec<u8>| String::from_utf8(file).unwrap());
    let report = parsed(&summary);
    let compare = |file: String, rows: &Value| {
        let mut reader = csv::Reader::from_reader(file.as_bytes());
        let columns = reader.headers().unwrap().clone();
        for (record, row) in reader.records().zip(rows.as_array().unwrap()) {
            for (column, field) in columns.iter().zip(&record.unwrap()) {
                let Some(member) = row.get(column) else { continue };
                match member.as_f64() {
                    Some(number) => assert_eq!(field.parse(), Ok(number), "{column}"),
                    None if column == "worst_pair" => {}
                    None => assert_eq!(field, member.to_string().replace("null", "").trim_matches('"'), "{column}"),
                }
            }
        }
        columns.iter().filter(|column| rows[0].get(column).is_none()).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(compare(names(super::super::csv::arcs_csv(&summary)), &report["arcs"]), Vec::<String>::new());
    assert_eq!(
        compare(names(super::super::csv::parameters_csv(&summary)), &report["parameters"]),
        Vec::<String>::new()
    );
    assert_eq!(compare(names(super::super::csv::ordering_csv(&summary)), &report["ordering"]), Vec::<String>::new());
    let elsewhere = compare(names(super::super::csv::summary_csv(&summary)), &report["clocks"]);
    for column in elsewhere {
        let found = [&report["run"], &report["promise"], &report].into_iter().any(|part| part.get(&column).is_some());
        assert!(found, "{column} is nowhere in the report");
    }
    let eps = &report["epsilon"]["clocks"][1];
    assert_eq!(eps["t_s"].as_array().unwrap().len(), summary.series.of(Algorithm::Lamport).count());
    assert_eq!(eps["offsets_ns"].as_array().unwrap().len(), 3);
}
