//! What `deploy` shows and watches with Prometheus is held against what `/metrics` really tells: a name or a label that
//! does not exist makes a panel that is empty and a rule that is silent for ever.

use super::fleet::Setup;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What Prometheus adds to whatever it scrapes.
const ADDED: [&str; 2] = ["instance", "job"];

fn deployed(name: &str) -> String {
    let path = format!("{}/../../deploy/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every sample's name, with the labels that it has and their values.
async fn told() -> BTreeMap<String, BTreeMap<String, BTreeSet<String>>> {
    let fleet = Setup::with_vpns(&[("one", Some(40_001)), ("two", None)]).start().await;
    fleet.count_everything();
    fleet.announce(19_000, "s").await;
    let mut names: BTreeMap<String, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    // Requests are counted when they have been answered.
    fleet.get("/metrics").await;
    for line in fleet.get("/metrics").await.text.lines().filter(|line| !line.starts_with('#')) {
        let (name, labels) = match line.split_once('{') {
            Some((name, rest)) => (name, rest.rsplit_once('}').expect("it is closed").0),
            None => (line.split(' ').next().expect("a name"), ""),
        };
        let known = names.entry(name.to_owned()).or_default();
        for label in labels.split("\",").filter(|label| !label.is_empty()) {
            let (label, value) = label.split_once("=\"").expect("a label has a value");
            known.entry(label.to_owned()).or_default().insert(value.trim_end_matches('"').to_owned());
        }
    }
    names
}

/// A use of a metric: its name, and the labels that are asked of it with the values that they have to be.
#[derive(Debug)]
struct Use {
    name: String,
    labels: Vec<(String, String)>,
}

/// The metrics in an expression of Prometheus, and the labels that it groups by.
fn uses(expression: &str) -> (Vec<Use>, BTreeSet<String>) {
    let (mut uses, mut grouped) = (Vec::new(), BTreeSet::new());
    let word = |char: char| char.is_ascii_alphanumeric() || char == '_';
    let mut rest = expression;
    while let Some(at) = rest.find(word) {
        rest = &rest[at..];
        let end = rest.find(|char| !word(char)).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        rest = after;
        if name.starts_with("acefleet_") || name.starts_with("orch_") {
            let mut labels = Vec::new();
            if let Some(inside) = after.strip_prefix('{') {
                let (inside, after) = inside.split_once('}').expect("it is closed");
                rest = after;
                for label in inside.split(',') {
                    let (label, value) = label.split_once(['=', '!']).expect("a label is compared");
                    labels.push((label.to_owned(), value.to_owned()));
                }
            }
            uses.push(Use { name: name.to_owned(), labels });
        } else if matches!(name, "by" | "on") {
            let list = after.trim_start().strip_prefix('(').expect("labels");
            let (list, after) = list.split_once(')').expect("it is closed");
            grouped.extend(list.split(',').map(|label| label.trim().to_owned()));
            rest = after;
        } else if after.starts_with('{') {
            rest = after.split_once('}').expect("it is closed").1;
        } else if let Some(after) = after.strip_prefix('"') {
            rest = after;
        }
    }
    (uses, grouped)
}

/// Holds expressions against what is told, and tells everything that does not fit.
async fn misfits(expressions: &[String]) -> Vec<String> {
    let told = told().await;
    let mut misfits = Vec::new();
    for expression in expressions {
        let (uses, grouped) = uses(expression);
        let mut known: BTreeSet<&str> = ADDED.into();
        for Use { name, labels } in &uses {
            let Some(has) = told.get(name) else {
                misfits.push(format!("there is no {name}: {expression}"));
                continue;
            };
            known.extend(has.keys().map(String::as_str));
            for (label, value) in labels.iter().filter(|(label, _)| !ADDED.contains(&label.as_str())) {
                let Some(values) = has.get(label) else {
                    misfits.push(format!("{name} has no label {label}: {expression}"));
                    continue;
                };
                // What a fleet of two engines has not done yet, cannot be found there.
                let exact = value.strip_prefix('"').filter(|_| matches!(label.as_str(), "topic" | "state"));
                let exact = exact.map(|value| value.trim_end_matches('"'));
                if exact.is_some_and(|value| !values.contains(value)) {
                    misfits.push(format!("{name} has no {label}={value}: {expression}"));
                }
            }
        }
        for label in grouped.iter().filter(|label| !known.contains(label.as_str())) {
            misfits.push(format!("nothing there has a label {label}: {expression}"));
        }
    }
    misfits
}

fn dashboard() -> Value {
    serde_json::from_str(&deployed("grafana/acefleet.json")).expect("JSON")
}

fn rules() -> Vec<String> {
    let text = deployed("prometheus/acefleet.rules.yml");
    text.lines().filter_map(|line| Some(line.trim().strip_prefix("expr: ")?.to_owned())).collect()
}

/// Every value of this key, wherever it is.
fn all<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(object) => object.iter().for_each(|(name, value)| {
            if name == key {
                found.push(value);
            }
            all(value, key, found);
        }),
        Value::Array(list) => list.iter().for_each(|value| all(value, key, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn every_panel_asks_for_what_is_told() {
    let dashboard = dashboard();
    let mut found = Vec::new();
    for key in ["expr", "definition"] {
        all(&dashboard, key, &mut found);
    }
    let expressions: Vec<String> = found.iter().map(|text| text.as_str().expect("text").to_owned()).collect();
    assert!(expressions.len() > 40, "{expressions:?}");
    assert_eq!(misfits(&expressions).await, Vec::<String>::new());
}

#[tokio::test]
async fn every_rule_watches_what_is_told() {
    let rules = rules();
    assert!(rules.len() > 10, "{rules:?}");
    assert_eq!(misfits(&rules).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_does_not_exist_is_noticed() {
    let of = |text: &str| vec![text.to_owned()];
    for (expression, word) in [
        ("rate(acefleet_no_such_total[5m]) > 0", "there is no acefleet_no_such_total"),
        ("sum(acefleet_ready) + orch_nothing", "there is no orch_nothing"),
        ("acefleet_engines{colour=\"red\"}", "has no label colour"),
        ("acefleet_alerts_active{topic=\"rain\"} > 0", "has no topic"),
        ("sum by (colour) (acefleet_engines)", "nothing there has a label colour"),
    ] {
        let misfits = misfits(&of(expression)).await;
        assert!(misfits.len() == 1 && misfits[0].contains(word), "{expression}: {misfits:?}");
    }
}

#[test]
fn every_rule_is_tried_and_says_what_to_do() {
    let (rules, tests) =
        (deployed("prometheus/acefleet.rules.yml"), deployed("prometheus/acefleet.rules.test.yml"));
    let parts: Vec<&str> = rules.split("- alert: ").skip(1).collect();
    for part in parts {
        let name = part.lines().next().expect("a name");
        for word in ["severity: ", "summary: ", "description: "] {
            assert!(part.contains(word), "{name} has no {word}");
        }
        assert!(tests.contains(&format!("alertname: {name}\n        exp_alerts:\n")), "{name} is not tried");
    }
}

#[test]
fn the_dashboard_can_be_imported_and_its_panels_stand_beside_each_other() {
    let dashboard = dashboard();
    assert!(dashboard["id"].is_null() && dashboard["uid"] == "acefleet");
    assert!(dashboard["schemaVersion"].as_u64().is_some_and(|version| version >= 36));
    let variables = dashboard["templating"]["list"].as_array().expect("variables");
    assert!(variables.iter().any(|variable| variable["type"] == "datasource"));
    let panels = dashboard["panels"].as_array().expect("panels");
    let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
    for panel in panels {
        let title = panel["title"].as_str().expect("a title");
        assert!(ids.insert(panel["id"].as_u64().expect("an id")), "{title}");
        let at = |key: &str| panel["gridPos"][key].as_u64().expect("a place");
        assert!(at("x") + at("w") <= 24, "{title}");
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(taken.insert((x, y)), "{title} stands on another one");
            }
        }
        if panel["type"] != "row" {
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
            assert!(!panel["targets"].as_array().expect("targets").is_empty(), "{title}");
        }
    }
    let rows: Vec<&str> = panels
        .iter()
        .filter(|panel| panel["type"] == "row")
        .filter_map(|row| row["title"].as_str())
        .collect();
    for part in ["Fleet", "VPNs", "Viewers and streams", "Failovers", "Docker", "acefleet itself"] {
        assert!(rows.contains(&part), "{rows:?}");
    }
}
