//! Playlists over HTTP: what comes back, and what is refused.

use super::fleet::{Fleet, Setup};
use acefleet::playlist::channels::Channels;
use acefleet::playlist::rewrite::PLAYLIST_MAX_BYTES;
use hyper::Method;
use hyper::header::{CONTENT_TYPE, HeaderName};
use std::sync::Arc;

const ID: &str = "0123456789abcdef0123456789abcdef01234567";

async fn fleet() -> Fleet {
    Setup::default().start().await
}

#[tokio::test]
async fn a_playlist_that_is_sent_comes_back_leading_here() {
    let fleet = fleet().await;
    let playlist = format!("#EXTM3U\r\n#EXTINF:-1,One\r\nacestream://{ID}\r\n");
    for path in ["/modify_m3u", "/api/v1/modify_m3u"] {
        let got = fleet.send(Method::POST, path, Some(playlist.clone()), None).await;
        assert_eq!((got.status, got.header("content-type")), (200, Some("audio/x-mpegurl")));
        let expected = format!("#EXTM3U\r\n#EXTINF:-1,One\r\nhttp://localhost/ace/getstream?id={ID}\r\n");
        assert_eq!(got.text, expected);
    }
}

#[tokio::test]
async fn an_operator_may_choose_what_entries_begin_with() {
    let mut setup = Setup::default();
    setup.chosen.base_url = Some("https://tv.example/fleet".into());
    let fleet = setup.start().await;
    let got = fleet.send(Method::POST, "/modify_m3u", Some(format!("ace://{ID}")), None).await;
    assert_eq!(got.text, format!("https://tv.example/fleet/ace/getstream?id={ID}"));
}

#[tokio::test]
async fn playlists_that_are_too_long_are_refused() {
    let fleet = fleet().await;
    let long = "#\n".repeat(PLAYLIST_MAX_BYTES / 2 + 1);
    let got = fleet.send(Method::POST, "/modify_m3u", Some(long), None).await;
    assert_eq!(got.status, 413);
    assert!(got.detail().starts_with("the playlist is longer than 4 MiB"), "{}", got.text);
    let form = form_with(&format!("filename=\"a.m3u\"\r\n\r\n{}", "#\n".repeat(PLAYLIST_MAX_BYTES / 2 + 1)));
    let got = fleet.send_with(Method::POST, "/modify_m3u", Some(form), &[of_form()]).await;
    assert_eq!(got.status, 413);
}

fn of_form() -> (HeaderName, String) {
    (CONTENT_TYPE, "multipart/form-data; boundary=x".to_owned())
}

/// A form as browsers send it: a word, and something else.
fn form_with(other: &str) -> String {
    let head = "content-disposition: form-data; name=";
    format!("--x\r\n{head}\"word\"\r\n\r\nace://{ID}\r\n--x\r\n{head}\"file\"; {other}\r\n--x--\r\n")
}

#[tokio::test]
async fn a_playlist_is_taken_as_the_file_of_a_form_too() {
    let fleet = fleet().await;
    let form = form_with(&format!("filename=\"tv.m3u\"\r\n\r\n#EXTM3U\nacestream://{ID}"));
    let got = fleet.send_with(Method::POST, "/modify_m3u", Some(form), &[of_form()]).await;
    assert_eq!((got.status, got.text.lines().next()), (200, Some("#EXTM3U")));
    assert!(got.text.ends_with(&format!("/ace/getstream?id={ID}")), "{}", got.text);
}

#[tokio::test]
async fn a_form_without_a_file_is_told_what_to_send() {
    let fleet = fleet().await;
    let got = fleet
        .send_with(Method::POST, "/modify_m3u", Some(form_with("a=b\r\n\r\nno file")), &[of_form()])
        .await;
    assert_eq!(got.status, 422);
    assert!(got.detail().contains("curl -F file=@list.m3u"), "{}", got.text);
    for (kind, body) in [("multipart/form-data", "x"), ("multipart/form-data; boundary=x", "--x\r\nnothing")]
    {
        let kind = [(CONTENT_TYPE, kind.to_owned())];
        let got = fleet.send_with(Method::POST, "/modify_m3u", Some(body.to_owned()), &kind).await;
        assert_eq!(got.status, 422, "{}", got.text);
        assert!(got.detail().starts_with("the form cannot be read: "), "{}", got.text);
    }
}

#[tokio::test]
async fn nothing_is_fetched_from_private_networks() {
    let fleet = fleet().await;
    let here = fleet.address.port();
    for url in [format!("http://127.0.0.1:{here}/healthz"), format!("http%3A%2F%2F%5B%3A%3A1%5D%3A{here}%2F")]
    {
        let got = fleet.get(&format!("/api/v1/modify_m3u?url={url}")).await;
        assert_eq!(got.status, 403);
        assert!(got.detail().contains("is not on the public internet"), "{}", got.text);
    }
    assert_eq!(fleet.get("/api/v1/modify_m3u?url=file:///etc/passwd").await.status, 422);
    assert_eq!(fleet.get("/api/v1/modify_m3u").await.status, 422);
}

#[tokio::test]
async fn the_operators_own_channels_are_a_playlist() {
    let without = fleet().await.get("/channels.m3u").await;
    assert_eq!(without.status, 404);
    assert!(without.detail().contains("PROXY_CHANNELS"), "{}", without.text);
    let mut setup = Setup::default();
    let list = format!("#EXTINF:-1,One\n{ID}\n{}\n", "f".repeat(40));
    setup.chosen.channels = Some(Arc::new(Channels::parse(&list).expect("it is fine")));
    let fleet = setup.start().await;
    let got = fleet.get("/channels.m3u").await;
    assert_eq!(got.text, format!("#EXTINF:-1,One\nhttp://localhost/ace/getstream?id={ID}\n"));
}
