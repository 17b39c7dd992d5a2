//! Where a root file system comes from.

use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Where a root file system comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The probe that is part of plimsoll.
    Probe,
    /// A static busybox with its applets, from `$PATH` where none is named.
    Busybox(Option<PathBuf>),
    /// A tar archive, plain or compressed by gzip or zstd.
    Tar(PathBuf),
    /// A folder.
    Dir(PathBuf),
    /// An image of an OCI image layout.
    Oci {
        /// The layout's folder.
        layout: PathBuf,
        /// Which image, where there are several.
        tag: Option<String>,
    },
}

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, value) = match text.split_once('=') {
            Some((kind, value)) => (kind, Some(value)),
            None => (text, None),
        };
        match (kind, value) {
            ("probe", None) => Ok(Self::Probe),
            ("busybox", None) => Ok(Self::Busybox(None)),
            (_, Some("")) | ("tar" | "dir" | "oci", None) => {
                Err(format!("{kind} needs a path: {kind}=PATH"))
            }
            ("busybox", Some(path)) => Ok(Self::Busybox(Some(path.into()))),
            ("tar", Some(path)) => Ok(Self::Tar(path.into())),
            ("dir", Some(path)) => Ok(Self::Dir(path.into())),
            ("oci", Some(path)) => Ok(oci(path)),
            _ => Err("one of busybox[=PATH], probe, tar=FILE, dir=PATH, oci=LAYOUT[:TAG]".into()),
        }
    }
}

/// `LAYOUT[:TAG]`; a folder whose name holds a colon is still a folder.
fn oci(text: &str) -> Source {
    let (layout, tag) = match text.rsplit_once(':') {
        Some((layout, tag)) if !tag.contains('/') && !Path::new(text).is_dir() => {
            (layout, Some(tag.to_owned()))
        }
        _ => (text, None),
    };
    Source::Oci {
        layout: layout.into(),
        tag,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_told_apart() {
        let read = |text: &str| text.parse::<Source>();
        assert_eq!(read("probe"), Ok(Source::Probe));
        assert_eq!(read("busybox"), Ok(Source::Busybox(None)));
        assert_eq!(
            read("busybox=/bin/bb"),
            Ok(Source::Busybox(Some("/bin/bb".into())))
        );
        assert_eq!(read("tar=a=b.tar"), Ok(Source::Tar("a=b.tar".into())));
        let image = |layout: &str, tag: Option<&str>| Source::Oci {
            layout: layout.into(),
            tag: tag.map(str::to_owned),
        };
        assert_eq!(read("oci=x/y"), Ok(image("x/y", None)));
        assert_eq!(read("oci=x/y:3.20"), Ok(image("x/y", Some("3.20"))));
        assert_eq!(read("oci=x:1/y"), Ok(image("x:1/y", None)));
        for wrong in ["tar", "dir=", "probe=x", "iso=a", ""] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
