//! Kubeconfigs as people have them: whatever kubectl connects with, the program connects with.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use rewitness_e2e::Running;
use rewitness_e2e::world::World;
use serde_json::{Value, json};
use tokio::process::Command;

/// What is unusual in a kubeconfig, and the text of its file, which may name others in its folder.
type Case = (&'static str, fn(Value, &Path) -> Result<String>);

/// Of a kubeconfig with a token.
const WITH_TOKEN: [Case; 11] = [
    ("nothing", |config, _| Ok(config.to_string())),
    ("a token file with a line end, and a token beside it that nobody accepts", |mut config, folder| {
        let user = user(&mut config)?;
        let token = user["token"].as_str().context("a token")?;
        fs::write(folder.join("token"), format!("{token}\n"))?;
        *user = json!({"token": "nonsense", "tokenFile": folder.join("token")});
        Ok(config.to_string())
    }),
    ("a token, and a token file that is not there", |mut config, _| {
        user(&mut config)?["tokenFile"] = "missing".into();
        Ok(config.to_string())
    }),
    ("a token file named from the kubeconfig's folder", |mut config, folder| {
        let user = user(&mut config)?;
        fs::write(folder.join("token"), user["token"].as_str().context("a token")?)?;
        *user = json!({"tokenFile": "token"});
        Ok(config.to_string())
    }),
    ("a plugin in the kubeconfig's folder, without an expiry", |config, folder| plugin(config, folder, "")),
    ("a plugin whose token expires", |config, folder| {
        plugin(config, folder, r#", "expirationTimestamp": "2099-01-01T00:00:00Z""#)
    }),
    ("lists that are null, fields that nobody knows", |mut config, _| {
        config["preferences"] = Value::Null;
        config["extensions"] = Value::Null;
        config["novelty"] = json!({"a": [1]});
        user(&mut config)?["novelty"] = json!(1);
        Ok(config.to_string())
    }),
    ("neither apiVersion nor kind", |mut config, _| {
        let fields = config.as_object_mut().context("an object")?;
        fields.remove("apiVersion");
        fields.remove("kind");
        Ok(config.to_string())
    }),
    ("another user and cluster that say nothing", |mut config, _| {
        config["users"].as_array_mut().context("users")?.push(json!({"name": "other", "user": {}}));
        config["clusters"].as_array_mut().context("clusters")?.push(json!({"name": "other", "cluster": {}}));
        Ok(config.to_string())
    }),
    ("a server with a slash at its end", |mut config, _| {
        let server = &mut config["clusters"][0]["cluster"]["server"];
        *server = format!("{}/", server.as_str().context("a server")?).into();
        Ok(config.to_string())
    }),
    ("YAML with comments, a marker of the beginning and one of the end", |config, _| {
        Ok(format!("# mine\n---\n{}\n...\n", serde_json::to_string_pretty(&config)?))
    }),
];

/// Of one with a certificate.
const WITH_CERTIFICATE: [Case; 4] = [
    ("data in lines of 64 letters", |mut config, _| {
        for name in ["client-certificate-data", "client-key-data"] {
            in_lines(&mut user(&mut config)?[name])?;
        }
        in_lines(&mut config["clusters"][0]["cluster"]["certificate-authority-data"])?;
        Ok(config.to_string())
    }),
    ("files that are named from the kubeconfig's folder", |mut config, folder| {
        let cluster = &mut config["clusters"][0]["cluster"];
        to_file(cluster, "certificate-authority", folder)?;
        let user = user(&mut config)?;
        to_file(user, "client-certificate", folder)?;
        to_file(user, "client-key", folder)?;
        Ok(config.to_string())
    }),
    ("an authority that is not to be looked at", |mut config, _| {
        let server = config["clusters"][0]["cluster"]["server"].take();
        config["clusters"][0]["cluster"] = json!({"server": server, "insecure-skip-tls-verify": true});
        Ok(config.to_string())
    }),
    ("the name that the certificate has", |mut config, _| {
        config["clusters"][0]["cluster"]["tls-server-name"] = "localhost".into();
        Ok(config.to_string())
    }),
];

fn user(config: &mut Value) -> Result<&mut Value> {
    config.pointer_mut("/users/0/user").context("a user")
}

fn in_lines(data: &mut Value) -> Result<()> {
    let letters: Vec<char> = data.as_str().context("data")?.chars().collect();
    let lines: Vec<String> = letters.chunks(64).map(|line| line.iter().collect()).collect();
    *data = lines.join("\n").into();
    Ok(())
}

/// Moves what is written out into a file.
fn to_file(fields: &mut Value, name: &str, folder: &Path) -> Result<()> {
    let data: k8s_openapi::ByteString = serde_json::from_value(fields[format!("{name}-data")].take())?;
    fs::write(folder.join(name), data.0)?;
    fields.as_object_mut().context("fields")?.remove(&format!("{name}-data"));
    fields[name] = name.into();
    Ok(())
}

/// The token comes from a program beside the kubeconfig.
fn plugin(mut config: Value, folder: &Path, more: &str) -> Result<String> {
    let user = user(&mut config)?;
    let token = user["token"].as_str().context("a token")?;
    let version = "client.authentication.k8s.io/v1";
    let script = format!(
        "#!/bin/sh\necho '{{\"apiVersion\": \"{version}\", \"kind\": \"ExecCredential\", \"status\": \
         {{\"token\": \"{token}\"{more}}}}}'\n"
    );
    let program = folder.join("plugin");
    fs::write(&program, script)?;
    fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    *user = json!({"exec": {"apiVersion": version, "command": "./plugin", "interactiveMode": "Never"}});
    Ok(config.to_string())
}

#[tokio::test]
async fn whatever_kubectl_connects_with_the_program_connects_with() -> Result<()> {
    let mut world = World::new().await?;
    world.create("web").await?;
    let certificate: Value = serde_json::from_slice(&fs::read(world.plane.kubeconfig())?)?;
    world.as_account(vec![world.rule(&["get", "list", "watch"])]).await?;
    let token: Value = serde_json::from_slice(&fs::read(world.kubeconfig())?)?;
    let with_token = WITH_TOKEN.iter().map(|case| (&token, case));
    let mut differing = Vec::new();
    for (number, (config, (name, text))) in
        with_token.chain(WITH_CERTIFICATE.iter().map(|case| (&certificate, case))).enumerate()
    {
        let folder = world.folder.path().join(number.to_string());
        fs::create_dir(&folder)?;
        let file = folder.join("config");
        fs::write(&file, text(config.clone(), &folder)?)?;
        let kubectl = Command::new(world.plane.kubectl_program())
            .args(["get", &world.widgets(), "-n", &world.namespace, "-o", "name"])
            .envs([("KUBECONFIG", &*file), ("KUBECACHEDIR", &*folder), ("KUBERC", Path::new("off"))])
            .output()
            .await?;
        let mut ours = world.rewitness(&[
            "tail",
            &world.widgets(),
            "-n",
            &world.namespace,
            "--until-replayed",
            "-o",
            "name",
        ])?;
        ours.env("KUBECONFIG", &file);
        let ours = Running::start(ours)?.end().await?;
        let (theirs, said) =
            (String::from_utf8_lossy(&kubectl.stdout), String::from_utf8_lossy(&kubectl.stderr));
        if !kubectl.status.success() || ours.status != Some(0) || theirs.trim() != ours.stdout.join("\n") {
            differing.push(format!("{name}:\n  kubectl: {theirs}{said}\n  rewitness: {ours:?}"));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    Ok(())
}
