//! Looking for a command before anything is delivered: a typing error is told at once.

use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::exit::wrong_use;

/// The file that `name` stands for, as a shell finds it, if it can be executed.
pub(super) fn executable(name: &OsStr, path: Option<&OsStr>) -> anyhow::Result<PathBuf> {
    let shown = name.display();
    if name.is_empty() {
        return Err(wrong_use("the command after -- is empty"));
    }
    if name.as_bytes().contains(&b'/') {
        let file = PathBuf::from(name);
        return match obstacle(&file) {
            None => Ok(file),
            Some(obstacle) => Err(wrong_use(format!("cannot run {shown}: {obstacle}"))),
        };
    }
    let places = || std::env::split_paths(path.unwrap_or_default()).map(|place| place.join(name));
    if let Some(file) = places().find(|file| obstacle(file).is_none()) {
        return Ok(file);
    }
    let unfit = places().find(|file| file.exists()).and_then(|file| Some((obstacle(&file)?, file)));
    Err(wrong_use(match unfit {
        Some((obstacle, file)) => format!("cannot run {shown}: {}: {obstacle}", file.display()),
        None if Path::new(name).is_file() => {
            format!("cannot run {shown}: it is not in PATH\nthe file in this folder is ./{shown}")
        }
        None => format!(
            "cannot run {shown}: it is not in PATH\n\
             there is no shell in between; for a line of shell: -- sh -c '{shown} …'"
        ),
    }))
}

/// Why a file cannot be executed.
fn obstacle(file: &Path) -> Option<String> {
    match fs::metadata(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Some("there is no such file".to_owned())
        }
        Err(error) => Some(error.to_string()),
        Ok(found) if found.is_dir() => Some("it is a folder".to_owned()),
        Ok(found) if found.permissions().mode() & 0o111 == 0 => {
            Some(format!("it is not executable\nmake it so: chmod +x {}", file.display()))
        }
        Ok(_) => is_bare_text(file).then(|| "it is text without a first line such as #!/bin/sh".to_owned()),
    }
}

/// Whether the kernel would refuse the file because it is a script that does not say whose. Shells
/// run such a file themselves, hence it is a common mistake.
fn is_bare_text(file: &Path) -> bool {
    let mut start = [0; 64];
    let Ok(length) = fs::File::open(file).and_then(|mut file| file.read(&mut start)) else { return false };
    let start = &start[..length];
    !start.starts_with(b"#!")
        && start.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(name: &str, path: &Path) -> String {
        executable(name.as_ref(), Some(path.as_os_str())).unwrap_err().to_string()
    }

    fn write(file: &Path, text: &str, mode: u32) {
        fs::write(file, text).unwrap();
        fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_command_is_found_in_path_or_by_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("clean");
        write(&file, "#!/bin/sh\n", 0o755);
        assert_eq!(executable("clean".as_ref(), Some(folder.path().as_os_str())).unwrap(), file);
        assert_eq!(executable(file.as_os_str(), None).unwrap(), file);
    }

    #[test]
    fn what_cannot_be_run_is_refused_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("plain"), "#!/bin/sh\n", 0o644);
        write(&folder.path().join("bare"), "echo hello\n", 0o755);
        let at = |name: &str| folder.path().join(name).display().to_string();
        for (name, expected) in [
            ("nosuch", "it is not in PATH"),
            ("plain", "chmod +x"),
            ("bare", "#!/bin/sh"),
            (&at("nosuch"), "there is no such file"),
            (&at("plain"), "chmod +x"),
            (&at("."), "it is a folder"),
            ("", "is empty"),
        ] {
            let refusal = refusal(name, folder.path());
            assert!(refusal.contains(expected), "{name}: {refusal}");
        }
    }
}
