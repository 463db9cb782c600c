use std::io::{Read, Write};
use std::net::TcpListener;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::config::ExecConfig;
use tokio::task::spawn_blocking;

use super::*;
use crate::call::{chain, in_time};

#[tokio::test]
async fn fault_b35_an_answer_without_end_is_given_up_by_kubes_api_too() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = spawn_blocking(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"x\":\"").unwrap();
        let mut written = 0;
        while written < 256 << 20 && stream.write_all(&[b'x'; 1 << 20]).is_ok() {
            written += 1 << 20;
        }
        written
    });
    let client = client(kube::Config::new(format!("http://{address}").parse().unwrap())).unwrap();
    let maps = Api::<ConfigMap>::default_namespaced(client);
    let error = chain(&in_time(maps.get("a")).await.unwrap_err());
    assert!(error.contains("longer than 64 MiB"), "{error}");
    drop(maps);
    let written = server.await.unwrap();
    assert!(written < 128 << 20, "{written} bytes were taken");
}

#[tokio::test]
async fn a_token_of_an_exec_plugin_with_a_line_end_is_an_error_and_no_panic() {
    let credential = r#"{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "a\nb"}}"#;
    let mut config = kube::Config::new("http://127.0.0.1:1".parse().unwrap());
    config.auth_info.exec = Some(ExecConfig {
        api_version: Some("client.authentication.k8s.io/v1".to_owned()),
        command: Some("echo".to_owned()),
        args: Some(vec![credential.to_owned()]),
        ..ExecConfig::default()
    });
    let error = client(config).err().map(|error| chain(&error)).unwrap();
    assert!(error.contains("line end"), "{error}");
}
