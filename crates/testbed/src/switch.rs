//! The routes by which faults are set from outside, the same for both stand-ins.
//!
//! What a fault does is the stand-in's business.

use std::collections::BTreeMap;

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use crate::web::{self, Answer, Asked};

/// What can be switched.
pub(crate) trait Switches {
    /// Sets one fault, or says what is wrong with its name or value.
    fn apply(&self, name: &str, value: &str) -> Result<(), String>;
    /// Takes all faults back.
    fn clear(&self);
    /// Ends the stand-in at once.
    fn crash(&self, code: i32);
    /// What is set.
    fn told(&self) -> Value;
}

/// Sets faults in the order of their names, up to the first that is wrong.
pub(crate) fn apply_all(switches: &impl Switches, faults: &BTreeMap<String, String>) -> Result<(), String> {
    faults.iter().try_for_each(|(name, value)| switches.apply(name, value))
}

/// Answers a request for a path under `/standin/`.
pub(crate) fn route(switches: &impl Switches, asked: &Asked) -> Answer {
    let done = match (&asked.method, asked.path.as_str()) {
        (&Method::GET, "/standin/faults") => Ok(()),
        (&Method::POST, "/standin/faults") => apply_all(switches, &asked.query),
        (&Method::POST, "/standin/clear") => {
            switches.clear();
            Ok(())
        }
        (&Method::POST, "/standin/crash") => match asked.param("code").unwrap_or("1").parse() {
            Ok(code) => {
                switches.crash(code);
                Ok(())
            }
            Err(_) => Err("code: a number is expected".to_owned()),
        },
        (method, path) => {
            let why = format!("there is no {method} {path}");
            return web::json(StatusCode::NOT_FOUND, &json!({ "error": why }));
        }
    };
    match done {
        Ok(()) => web::json(StatusCode::OK, &switches.told()),
        Err(why) => web::json(StatusCode::BAD_REQUEST, &json!({ "error": why })),
    }
}
