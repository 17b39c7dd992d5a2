//! Finds the program, as execvp(3) would, but before it is executed.
//! config.md#process

use std::ffi::{CStr, CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::unistd::{AccessFlags, faccessat};

use super::StepError;
use crate::plan::Origin;

/// The search path where the environment has none, as with execvp(3).
const DEFAULT_PATH: &[u8] = b"/bin:/usr/bin";

/// The path to execute. The texts are runc's, by which docker and podman choose exit status 127 or
/// 126.
pub fn find(args: &[CString], env: &[CString], origin: &Origin) -> Result<CString, StepError> {
    let origin = origin.child("args/0");
    let name = args.first().map_or(c"", |name| name.as_c_str());
    let shown = name.to_string_lossy();
    if name.to_bytes().contains(&b'/') {
        return match executable(Path::new(OsStr::from_bytes(name.to_bytes()))) {
            Ok(()) => Ok(name.to_owned()),
            Err(Errno::ENOENT | Errno::ENOTDIR) => Err(StepError::refused(
                format!("exec: \"{shown}\": stat {shown}: no such file or directory"),
                &origin,
            )),
            Err(errno) => Err(StepError::refused(
                format!("exec: \"{shown}\": {}", words(errno)),
                &origin,
            )),
        };
    }
    let path = env
        .iter()
        .rev()
        .find_map(|entry| entry.to_bytes().strip_prefix(b"PATH="))
        .unwrap_or(DEFAULT_PATH);
    for folder in path.split(|&byte| byte == b':') {
        if name.is_empty() {
            break;
        }
        let folder = if folder.is_empty() {
            b".".as_slice()
        } else {
            folder
        };
        let candidate: PathBuf =
            Path::new(OsStr::from_bytes(folder)).join(OsStr::from_bytes(name.to_bytes()));
        if executable(&candidate).is_ok() {
            return CString::new(candidate.into_os_string().into_encoded_bytes())
                .map_err(|_| StepError::refused(not_found(name), &origin));
        }
    }
    Err(StepError::refused(not_found(name), &origin))
}

fn not_found(name: &CStr) -> String {
    format!(
        "exec: \"{}\": executable file not found in $PATH",
        name.to_string_lossy()
    )
}

fn executable(path: &Path) -> Result<(), Errno> {
    let about = std::fs::metadata(path)
        .map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(Errno::EINVAL as i32)))?;
    if about.is_dir() {
        return Err(Errno::EISDIR);
    }
    // Root may execute only what somebody may.
    if about.permissions().mode() & 0o111 == 0 {
        return Err(Errno::EACCES);
    }
    faccessat(AT_FDCWD, path, AccessFlags::X_OK, AtFlags::AT_EACCESS)
}

/// The kernel's answer in Go's words, which clients match in lower case.
fn words(errno: Errno) -> String {
    match errno {
        Errno::EACCES => "permission denied".into(),
        Errno::EISDIR => "is a directory".into(),
        other => other.desc().to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find_in(name: &str, path: &str) -> Result<CString, String> {
        let string = |text: &str| CString::new(text).expect("no NUL");
        find(
            &[string(name)],
            &[string(&format!("PATH={path}"))],
            &Origin::at("/process"),
        )
        .map_err(|error| error.action)
    }

    #[test]
    fn a_name_is_found_in_path_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("tool");
        std::fs::write(&program, "").expect("write");
        let path = format!("/nowhere:{}", folder.path().display());
        assert!(
            find_in("tool", &path).is_err(),
            "it may not be executed yet"
        );
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("chmod");
        assert_eq!(
            find_in("tool", &path),
            Ok(CString::new(program.as_os_str().as_bytes()).expect("no NUL"))
        );
    }

    #[test]
    fn failures_have_runcs_words() {
        for (name, text) in [
            ("nope", "exec: \"nope\": executable file not found in $PATH"),
            (
                "/nope",
                "exec: \"/nope\": stat /nope: no such file or directory",
            ),
            ("/etc/passwd", "exec: \"/etc/passwd\": permission denied"),
            ("/etc", "exec: \"/etc\": is a directory"),
            ("", "exec: \"\": executable file not found in $PATH"),
        ] {
            assert_eq!(find_in(name, "/bin"), Err(text.to_owned()));
        }
    }
}
