//! What Docker means when it says no.
//!
//! Docker's status codes are shared by unlike troubles, so its words decide; they have been the same for years,
//! and Podman's are close. Words that are not known here are passed on as they are, and explain nothing.

use control::event::Refusal;
use serde::Deserialize;

/// Longest explanation that is passed on, in characters.
pub(super) const WORDS_MAX: usize = 300;

/// The refusal that an answer with this status and body means.
pub(super) fn of(status: u16, body: &[u8]) -> Refusal {
    let words = words_of(body);
    let text = words.to_lowercase();
    let says = |part: &str| text.contains(part);
    if says("port is already allocated") || says("address already in use") || says("ports are not available")
    {
        Refusal::PortTaken
    } else if says("name") && says("already in use") {
        Refusal::NameTaken
    } else if says("no such image") || says("image not known") || says("image known") {
        Refusal::ImageMissing
    } else if says("no such container") || says("no container with name or id") {
        Refusal::NoSuchContainer
    } else if joins_nothing(&text) {
        Refusal::NetworkNotRunning
    } else if says("executable file not found") || says("executable file `") {
        Refusal::NoShell
    } else {
        Refusal::Unexplained(explained(status, &words).into())
    }
}

/// The container whose network was to be joined is there, but its network is not. The last of these is what is
/// said if it died between Docker's look at it and the start.
fn joins_nothing(text: &str) -> bool {
    text.contains("non running container")
        || text.contains("is restarting, wait until the container is running")
        || (text.contains("join") && text.contains("is not running"))
        || (text.contains("/ns/net") && text.contains("no such file or directory"))
}

/// Words for a person, cut off at a bound.
pub(super) fn bounded(words: &str) -> String {
    let words = words.trim();
    match words.char_indices().nth(WORDS_MAX) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words.to_owned(),
    }
}

/// Docker's own words, for the log.
pub(super) fn words(status: u16, body: &[u8]) -> String {
    explained(status, &words_of(body))
}

fn explained(status: u16, words: &str) -> String {
    match (words.is_empty(), status) {
        (true, 403) => "Docker answered 403: a proxy before it forbids this call".to_owned(),
        (true, _) => format!("Docker answered {status} without a word"),
        (false, _) => words.to_owned(),
    }
}

fn words_of(body: &[u8]) -> String {
    /// Docker's body of an error.
    #[derive(Deserialize)]
    struct Error {
        message: String,
    }
    match serde_json::from_slice::<Error>(body) {
        Ok(error) => bounded(&error.message),
        Err(_) => bounded(&String::from_utf8_lossy(body)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn means(status: u16, message: &str, refusal: &Refusal) {
        let body = serde_json::json!({ "message": message }).to_string();
        assert_eq!(&of(status, body.as_bytes()), refusal, "{message}");
    }

    #[test]
    fn dockers_words_decide_what_a_refusal_means() {
        let id = "4d5c".repeat(16);
        let name =
            format!("Conflict. The container name \"/acestream-1\" is already in use by container \"{id}\".");
        means(409, &name, &Refusal::NameTaken);
        means(404, &format!("No such container: {id}"), &Refusal::NoSuchContainer);
        means(
            404,
            &format!("Cannot restart container x: No such container: {id}"),
            &Refusal::NoSuchContainer,
        );
        means(404, "No such image: jopsis/acestream:x64", &Refusal::ImageMissing);
        let running = format!("cannot join network of a non running container: {id}");
        means(409, &running, &Refusal::NetworkNotRunning);
        let restarting = format!("Container {id} is restarting, wait until the container is running");
        means(409, &restarting, &Refusal::NetworkNotRunning);
        let allocated = "driver failed programming external connectivity on endpoint acestream-1: \
                         Bind for 0.0.0.0:19000 failed: port is already allocated";
        means(500, allocated, &Refusal::PortTaken);
        means(500, "listen tcp4 0.0.0.0:19000: bind: address already in use", &Refusal::PortTaken);
    }

    #[test]
    fn podmans_words_mean_the_same() {
        means(404, "no container with name or ID \"x\" found: no such container", &Refusal::NoSuchContainer);
        means(404, "docker.io/a/b:c: image not known", &Refusal::ImageMissing);
        let name = "container storage: the container name \"acestream-1\" is already in use by 4d5c. \
                    You have to remove that container to be able to reuse that name";
        means(500, name, &Refusal::NameTaken);
    }

    #[test]
    fn a_network_of_no_such_name_is_no_missing_container() {
        let words = "network media not found";
        means(404, words, &Refusal::Unexplained(words.into()));
    }

    #[test]
    fn unknown_words_are_passed_on_within_a_bound() {
        let Refusal::Unexplained(words) = of(500, "é".repeat(2_000).as_bytes()) else {
            panic!("it was explained")
        };
        assert_eq!(words.chars().count(), WORDS_MAX + 1);
        let Refusal::Unexplained(words) = of(403, b"") else { panic!("it was explained") };
        assert!(words.contains("forbids"), "{words}");
    }
}
