//! A client that shows what came back as it is.

use super::fleet::Fleet;
use acefleet::http::{self, Request};
use hyper::Method;
use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::net::TcpStream;

/// The longest that any answer may take.
const PATIENCE: Duration = Duration::from_secs(20);
const ANSWER_MAX_BYTES: usize = 4 << 20;

/// What came back.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: hyper::HeaderMap,
    pub(crate) text: String,
}

impl Got {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {}", self.text))
    }

    /// What a failure says.
    pub(crate) fn detail(&self) -> String {
        let json = self.json();
        json["detail"].as_str().map_or_else(|| json["detail"].to_string(), str::to_owned)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Fleet {
    pub(crate) async fn get(&self, path: &str) -> Got {
        self.send(Method::GET, path, None, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Got {
        self.send(Method::POST, path, Some(body.to_string()), None).await
    }

    pub(crate) async fn post_nothing(&self, path: &str) -> Got {
        self.send(Method::POST, path, None, None).await
    }

    /// Any request, with a key if one is shown.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
        key: Option<&str>,
    ) -> Got {
        let headers: Vec<_> = key.map(|key| (AUTHORIZATION, format!("Bearer {key}"))).into_iter().collect();
        self.send_with(method, path, body, &headers).await
    }

    pub(crate) async fn send_with(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
        headers: &[(HeaderName, String)],
    ) -> Got {
        let mut request = Request::new(method, "localhost", path);
        for (name, value) in headers {
            request.headers.push((name.clone(), HeaderValue::from_str(value).expect("a header")));
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let asking = async {
            let stream = TcpStream::connect(self.address).await.expect("the server listens");
            http::call(stream, request, ANSWER_MAX_BYTES).await.expect("an answer")
        };
        let answer = tokio::time::timeout(PATIENCE, asking).await.expect("an answer in time");
        Got {
            status: answer.status,
            headers: answer.headers,
            text: String::from_utf8(answer.body.to_vec()).expect("text"),
        }
    }
}

/// A session as acexy announces it.
pub(crate) fn session(port: u16, stream_id: &str) -> Value {
    json!({
        "engine": {"host": "localhost", "port": port},
        "stream": {"key_type": "infohash", "key": "2c3f1a"},
        "session": {
            "playback_session_id": "f00d",
            "stat_url": format!("http://localhost:{port}/ace/stat/2c3f1a/f00d"),
            "command_url": format!("http://localhost:{port}/ace/cmd/2c3f1a/f00d"),
            "is_live": 1
        },
        "labels": {"stream_id": stream_id}
    })
}

impl Fleet {
    /// Announces a session, and is told how its stream is shown.
    pub(crate) async fn announce(&self, port: u16, stream_id: &str) -> Value {
        let got = self.post("/events/stream_started", &session(port, stream_id)).await;
        assert_eq!(got.status, 200, "{}", got.text);
        got.json()
    }

    /// The id of an engine's container.
    pub(crate) async fn engine_id(&self, name: &str) -> String {
        let engine = self.get(&format!("/engines/{name}")).await.json();
        engine["engine"]["container_id"].as_str().expect("it exists").to_owned()
    }
}
