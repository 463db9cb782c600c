use std::path::PathBuf;
use std::time::Duration;

use rewitness_kubernetes::ApiError;

use super::*;
use crate::exit::{Status, describe, status_of};

const KUBECONFIG: &str = r#"
apiVersion: v1
kind: Config
current-context: dev
clusters:
  - {name: c, cluster: {server: "https://127.0.0.1:1/"}}
contexts:
  - {name: prod, context: {cluster: c, user: u}}
  - {name: dev, context: {cluster: c, user: u, namespace: team-a}}
  - {name: broken, context: {cluster: nosuch, user: u}}
users:
  - {name: u, user: {}}
"#;

async fn connect_with(text: &str, context: Option<&str>) -> anyhow::Result<Link> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("config");
    std::fs::write(&file, text)?;
    connect_to(file, context).await
}

async fn connect_to(file: PathBuf, context: Option<&str>) -> anyhow::Result<Link> {
    connect(&GlobalArgs { kubeconfig: Some(file), context: context.map(str::to_owned), verbose: 0 }).await
}

#[tokio::test]
async fn the_context_names_server_and_namespace() {
    let link = connect_with(KUBECONFIG, None).await.unwrap();
    assert_eq!((link.server.as_str(), &*link.namespace), ("https://127.0.0.1:1", "team-a"));
    assert_eq!(link.place(), "https://127.0.0.1:1 of context `dev`");
    let link = connect_with(KUBECONFIG, Some("prod")).await.unwrap();
    assert_eq!((link.context.as_deref(), &*link.namespace), (Some("prod"), "default"));
}

#[tokio::test]
async fn what_is_wrong_with_the_kubeconfig_is_said_with_the_way_out() {
    let no_current = KUBECONFIG.replace("current-context: dev", "");
    for (text, context, expected) in [
        (KUBECONFIG, Some("nosuch"), "there is no context `nosuch`\n  the kubeconfig has: broken, dev, prod"),
        (KUBECONFIG, Some("broken"), "the kubeconfig's context `broken` cannot be used: "),
        (
            &no_current,
            None,
            "no current context\n  choose one with --context NAME; the kubeconfig has: broken, dev",
        ),
        ("a: [", None, "cannot use the kubeconfig /"),
        ("apiVersion: v1\nkind: Config\ncurrent-context: x\n", None, "the kubeconfig has none"),
    ] {
        let error = connect_with(text, context).await.err().unwrap();
        assert_eq!(status_of(&error), Status::WrongUse, "{error}");
        assert!(describe(&error).contains(expected), "{}", describe(&error));
    }
    let error = connect_to("/nosuch/config".into(), None).await.err().unwrap();
    assert_eq!(describe(&error), "there is no kubeconfig /nosuch/config");
}

#[tokio::test]
async fn a_refusal_names_the_server_and_what_to_check() {
    let link = connect_with(KUBECONFIG, None).await.unwrap();
    let unreachable = |reason: &str| ApiError::Unreachable { reason: reason.to_owned() };
    for (refusal, expected) in [
        (
            unreachable("Connection refused"),
            "cannot reach the API server https://127.0.0.1:1 of context `dev`: Connection",
        ),
        (unreachable("invalid peer certificate: UnknownIssuer"), "certificate-authority"),
        (
            ApiError::NoConnection,
            "cannot reach the API server https://127.0.0.1:1 of context `dev`: no answer within 10 s",
        ),
        (ApiError::Timeout { after: Duration::from_secs(10) }, "`dev`: no answer within 10 s"),
        (ApiError::Unauthorized, "log in again"),
        (ApiError::Forbidden { message: "m".to_owned() }, "cannot list widgets: missing right: m"),
    ] {
        let error =
            link.explain(rewitness_kubernetes::Error::List { plural: "widgets".to_owned(), error: refusal });
        assert_eq!(status_of(&error), Status::Failed);
        assert!(describe(&error).contains(expected), "{}", describe(&error));
    }
    let unknown = rewitness_kubernetes::Error::UnknownType {
        name: "widgest".to_owned(),
        near: vec!["widgets".to_owned()],
    };
    let error = link.explain(unknown);
    assert_eq!(status_of(&error), Status::WrongUse);
    assert!(describe(&error).contains("did you mean `widgets`?"), "{}", describe(&error));
}

/// Whose limit is over first, the connection's or the call's, must not change what is said.
#[tokio::test]
async fn a_server_that_takes_connections_and_is_silent_is_told_by_what_it_is() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = kube::Config::new(format!("https://{}", silent.local_addr().unwrap()).parse().unwrap());
    config.connect_timeout = Some(Duration::from_millis(50));
    let client = rewitness_kubernetes::client(config).unwrap();
    let error = rewitness_kubernetes::Resolver::new(&client).await.unwrap_err();
    assert!(
        matches!(error, rewitness_kubernetes::Error::Discover { error: ApiError::NoConnection }),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_empty_namespace_of_a_context_is_default_as_for_kubectl() {
    for (written, expected) in [("''", "default"), ("null", "default"), ("team-b", "team-b")] {
        let text = KUBECONFIG.replace("namespace: team-a", &format!("namespace: {written}"));
        let link = connect_with(&text, None).await.unwrap();
        assert_eq!(&*link.namespace, expected, "{written}");
    }
    let text = KUBECONFIG.replace("namespace: team-a", "namespace: Team_A");
    let error = connect_with(&text, None).await.err().unwrap();
    assert!(describe(&error).contains("`dev`: \"Team_A\" is no namespace"), "{}", describe(&error));
}

#[tokio::test]
async fn nothing_that_a_kubeconfig_says_can_panic() {
    let odd = [
        "''",
        r#""\n""#,
        r#""a\n""#,
        r#""a\nb""#,
        r#""\0""#,
        "é",
        "':'",
        "'://'",
        "'a b'",
        "'!!'",
        "/nosuch",
        "'https://'",
        "null",
    ];
    let fields = [
        "token",
        "tokenFile",
        "username",
        "password",
        "client-certificate",
        "client-certificate-data",
        "client-key",
        "client-key-data",
        "as",
        "as-uid",
    ];
    for value in odd {
        for field in fields {
            let text = KUBECONFIG.replace("user: {}}", &format!("user: {{{field}: {value}, password: x}}}}"));
            let text = text.replace("password: x, password: x", "password: x");
            let _ = connect_with(&text, None).await;
            let text = KUBECONFIG.replace("user: {}}", &format!("user: {{{field}: {value}}}}}"));
            let _ = connect_with(&text, None).await;
        }
        for field in ["certificate-authority", "certificate-authority-data", "tls-server-name", "proxy-url"] {
            let text = KUBECONFIG.replace("1/\"}", &format!("1/\", {field}: {value}}}"));
            let _ = connect_with(&text, None).await;
        }
        let text = KUBECONFIG.replace("\"https://127.0.0.1:1/\"", value);
        let _ = connect_with(&text, None).await;
    }
}

/// The header with which the server is asked.
async fn authorization(user: &str) -> Result<String, String> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", server.local_addr().unwrap());
    let text =
        KUBECONFIG.replace("https://127.0.0.1:1/", &address).replace("user: {}}", &format!("user: {user}}}"));
    let link = connect_with(&text, None).await.map_err(|error| describe(&error))?;
    let answer = async {
        let (mut call, _) = server.accept().await.unwrap();
        let mut read = vec![0; 4096];
        let length = call.read(&mut read).await.unwrap();
        call.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            .await
            .unwrap();
        String::from_utf8_lossy(&read[..length]).into_owned()
    };
    let (_, asked) = tokio::join!(link.client.apiserver_version(), answer);
    let header = asked.lines().find_map(|line| line.strip_prefix("authorization: ").map(str::to_owned));
    header.ok_or(asked)
}

#[tokio::test]
async fn a_line_end_after_a_token_is_none_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "abc\r\n").unwrap();
    let in_file = format!("{{tokenFile: {}}}", file.display());
    let both = format!("{{tokenFile: {}, token: other}}", file.display());
    for user in [r#"{token: "abc\n"}"#, r#"{token: " abc "}"#, "{token: abc}", &in_file, &both] {
        assert_eq!(authorization(user).await.as_deref(), Ok("Bearer abc"), "{user}");
    }
    let said = authorization(r#"{token: "a\nsecret"}"#).await.unwrap_err();
    assert!(said.contains("token") && !said.contains("secret"), "{said}");
}

/// As kubectl: its decoder passes over line ends.
#[tokio::test]
async fn base64_in_several_lines_is_read_as_in_one() {
    let cluster = |data: &str| KUBECONFIG.replace("1/\"}", &format!("1/\", {data}}}"));
    let user = |data: &str| KUBECONFIG.replace("user: {}}", &format!("user: {{{data}}}}}"));
    for (one, several) in [
        (
            cluster("certificate-authority-data: aGVsbG8K"),
            cluster(r#"certificate-authority-data: "aGVs\r\nbG8K\n""#),
        ),
        (
            user("client-certificate-data: aGVsbG8K, client-key-data: aGVsbG8K"),
            user(r#"client-certificate-data: "aGVs\r\nbG8K\n", client-key-data: "aGVs\r\nbG8K\n""#),
        ),
    ] {
        let answer = async |text: &str| connect_with(text, None).await.map(drop).map_err(|it| describe(&it));
        assert_eq!(answer(&several).await, answer(&one).await, "{several}");
    }
}
