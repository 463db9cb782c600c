//! The floor: the bytes of the lists that the program asks for, read and thrown away.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use http::Request;
use http::header::ACCEPT;
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;

/// Page size and form are the program's own (`Config::page_size` and the list request in crates/kubernetes).
const PAGE: &str = "/apis/bench.example.com/v1/widgets?limit=500";
const METADATA: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

/// Where the token of the next page begins. The metadata of a list comes before its items.
const CONTINUE: &str = "\"continue\":\"";

/// That much of a page is searched for the token.
const BEGINNING: usize = 4096;

/// Reads every page, and keeps nothing but the token of the next one.
pub(crate) async fn read_everything(kubeconfig: &Path) -> Result<()> {
    let client = rewitness_controlplane::client(kubeconfig).await?;
    let mut next = Some(PAGE.to_owned());
    while let Some(uri) = next {
        let token = read_page(&client, &uri).await?;
        next = token.map(|token| format!("{PAGE}&continue={}", encoded(&token)));
    }
    Ok(())
}

async fn read_page(client: &Client, uri: &str) -> Result<Option<String>> {
    let request = Request::get(uri).header(ACCEPT, METADATA).body(Body::empty())?;
    let response = client.send(request).await.context("ask for a page")?;
    ensure!(response.status().is_success(), "the list is answered with {}", response.status());
    let mut body = response.into_body();
    let mut beginning = Vec::with_capacity(BEGINNING);
    while let Some(frame) = body.frame().await {
        let frame = frame.context("read a page")?;
        if let Some(data) = frame.data_ref() {
            let wanted = (BEGINNING - beginning.len()).min(data.len());
            beginning.extend_from_slice(&data[..wanted]);
        }
    }
    Ok(token(&String::from_utf8_lossy(&beginning)))
}

fn token(page: &str) -> Option<String> {
    let metadata = page.split("\"items\":").next()?;
    let (_, rest) = metadata.split_once(CONTINUE)?;
    let (token, _) = rest.split_once('"')?;
    (!token.is_empty()).then(|| token.to_owned())
}

/// Tokens are base64, of which only these characters need it.
fn encoded(token: &str) -> String {
    token.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_found_before_the_items() {
        for (page, expected) in [
            (
                r#"{"kind":"L","metadata":{"resourceVersion":"7","continue":"a+b=","remainingItemCount":1},"items":[]}"#,
                Some("a+b="),
            ),
            (r#"{"kind":"L","metadata":{"resourceVersion":"7"},"items":[{"continue":"x"}]}"#, None),
            (r#"{"kind":"L","metadata":{"continue":"","resourceVersion":"7"},"items":[]}"#, None),
        ] {
            assert_eq!(token(page).as_deref(), expected, "{page}");
        }
        assert_eq!(encoded("a+b/c="), "a%2Bb%2Fc%3D");
    }
}
