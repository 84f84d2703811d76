//! Stores from URLs: what can be said, and what is answered to what cannot.
use stayput::{ErrorKind, SCHEMES, StoreUrl, open};
use std::time::Duration;

async fn refused(url: &str) -> String {
    let error = open(url).await.err().unwrap_or_else(|| panic!("{url:?} was opened"));
    assert_eq!(error.kind(), ErrorKind::Invalid, "{url:?}");
    error.to_string()
}

#[tokio::test]
async fn an_unknown_scheme_lists_what_this_build_has() {
    let message = refused("redish://localhost").await;
    assert!(message.contains("\"redish:\""), "{message}");
    for scheme in SCHEMES {
        assert!(message.contains(&format!("{scheme}:")), "{message}");
    }
    assert!(refused("./data").await.contains("memory:"), "an example for who forgot the scheme");
    assert!(refused("").await.contains("memory:"));
}

#[tokio::test]
async fn every_scheme_is_known_in_any_case() {
    for url in ["memory:", "MEMORY:", "memory:?retention=180d"] {
        open(url).await.unwrap_or_else(|error| panic!("{url:?}: {error}"));
    }
}

#[tokio::test]
async fn options_are_named_when_they_are_wrong() {
    assert!(refused("memory:?retenton=180d").await.contains("\"retenton\""));
    assert!(refused("memory:?retenton=180d").await.contains("retention"), "it says which there are");
    assert!(refused("memory:shared").await.contains("memory: has no place"));
    for wrong in ["", "=", "=0s", "=-1d", "=180", "=soon", "=99999999999999999999y"] {
        let message = refused(&format!("memory:?retention{wrong}")).await;
        assert!(message.starts_with("retention must be"), "{wrong:?}: {message}");
    }
}

#[test]
fn a_url_is_taken_apart_and_decoded() {
    let mut url = StoreUrl::parse("File:/a%20b/c?x=1%262&y&x=3&&timeout=500ms").expect("a URL");
    assert_eq!((url.scheme(), url.place()), ("file", "/a b/c"));
    assert_eq!(url.finish(&["z"]).expect_err("options are left").field(), Some("store"));
    assert_eq!(url.option("x").as_deref(), Some("3"), "the last one counts");
    assert_eq!(url.option("x"), None, "and both are taken");
    assert_eq!(url.option("y").as_deref(), Some(""));
    assert_eq!(url.duration("timeout").expect("a duration"), Some(Duration::from_millis(500)));
    assert_eq!(url.duration("timeout").expect("absent"), None);
    url.finish(&[]).expect("nothing is left");
    StoreUrl::parse("file:%ff").expect_err("not UTF-8");
    StoreUrl::parse("file:x?%ff=1").expect_err("not UTF-8");
}
