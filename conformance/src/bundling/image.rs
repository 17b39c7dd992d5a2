//! An image of an OCI image layout: image-layout.md, manifest.md, image-index.md of the image specification.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::Error;
use super::archive::{Role, unpack};
use super::config::ImageConfig;
use super::rootfs::Rootfs;

/// The annotation that names an image of a layout.
const NAME: &str = "org.opencontainers.image.ref.name";
/// How deep indexes may lie within each other.
const DEEPEST: usize = 4;

#[derive(Deserialize)]
struct Index {
    #[serde(default)]
    manifests: Vec<Descriptor>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    #[serde(default)]
    media_type: String,
    digest: String,
    platform: Option<Platform>,
    #[serde(default)]
    annotations: std::collections::BTreeMap<String, String>,
}

#[derive(Clone, Deserialize)]
struct Platform {
    architecture: String,
    os: String,
}

#[derive(Deserialize)]
struct Manifest {
    config: Descriptor,
    layers: Vec<Descriptor>,
}

#[derive(Deserialize)]
struct ConfigFile {
    #[serde(default)]
    config: Option<ImageConfig>,
}

/// Unpacks the image called `tag`, or the only one, of the layout in the folder `layout` into `rootfs`.
/// Answers its config.
pub(super) fn unpack_image(
    layout: &Path,
    tag: Option<&str>,
    rootfs: &mut Rootfs,
) -> Result<ImageConfig, Error> {
    let layout = Layout(layout);
    let manifest = layout.manifest(tag)?;
    let config: ConfigFile = layout.document(&manifest.config)?;
    for layer in &manifest.layers {
        if !layer.media_type.contains("tar") {
            return Err(layout.wrong(format!("a layer is of media type {:?}", layer.media_type)));
        }
        unpack(&layout.blob(layer)?, Role::Layer, rootfs)?;
    }
    Ok(config.config.unwrap_or_default())
}

struct Layout<'a>(&'a Path);

impl Layout<'_> {
    fn manifest(&self, tag: Option<&str>) -> Result<Manifest, Error> {
        let file = self.0.join("index.json");
        if !file.is_file() {
            return Err(self.wrong("it has no index.json".to_owned()));
        }
        let index: Index = parse(&file)?;
        let mut chosen = self.named(index.manifests, tag)?;
        for _ in 0..DEEPEST {
            let kind = chosen.media_type.as_str();
            if !kind.contains("index") && !kind.contains("manifest.list") {
                return self.document(&chosen);
            }
            let inner: Index = self.document(&chosen)?;
            chosen = self.fitting(inner.manifests)?;
        }
        Err(self.wrong(format!("its indexes lie more than {DEEPEST} deep")))
    }

    /// The image that `tag` names; without one, the only one, or the only one for this machine.
    fn named(&self, all: Vec<Descriptor>, tag: Option<&str>) -> Result<Descriptor, Error> {
        let names: Vec<String> = all
            .iter()
            .filter_map(|image| image.annotations.get(NAME).cloned())
            .collect();
        let Some(tag) = tag else {
            return match all.as_slice() {
                [only] => Ok(only.clone()),
                _ if names.is_empty() => self.fitting(all),
                _ => Err(self.wrong(format!(
                    "it has {} images, name one by :TAG: {}",
                    all.len(),
                    names.join(", ")
                ))),
            };
        };
        let end = format!(":{tag}");
        let is_named = |image: &Descriptor| {
            let name = image.annotations.get(NAME);
            name.is_some_and(|name| name == tag || name.ends_with(&end))
        };
        let matching: Vec<_> = all.into_iter().filter(is_named).collect();
        if matching.is_empty() {
            let known = if names.is_empty() {
                "its images have no names".to_owned()
            } else {
                format!("it has {}", names.join(", "))
            };
            return Err(self.wrong(format!("no image is called {tag:?}: {known}")));
        }
        self.fitting(matching)
    }

    /// The first image for this machine; one without a platform fits.
    fn fitting(&self, all: Vec<Descriptor>) -> Result<Descriptor, Error> {
        let architecture = architecture();
        let fits = |image: &Descriptor| {
            image.platform.as_ref().is_none_or(|platform| {
                platform.os == "linux" && platform.architecture == architecture
            })
        };
        all.into_iter()
            .find(fits)
            .ok_or_else(|| self.wrong(format!("it has no image for linux/{architecture}")))
    }

    fn document<T: DeserializeOwned>(&self, descriptor: &Descriptor) -> Result<T, Error> {
        parse(&self.blob(descriptor)?)
    }

    /// The file of a blob, whose content is what its digest says.
    fn blob(&self, descriptor: &Descriptor) -> Result<PathBuf, Error> {
        let digest = &descriptor.digest;
        let hex = digest.strip_prefix("sha256:").filter(|hex| {
            hex.len() == 64
                && hex
                    .bytes()
                    .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        });
        let hex = hex
            .ok_or_else(|| self.wrong(format!("digest {digest:?} is not sha256: and 64 digits")))?;
        let path = self.0.join("blobs/sha256").join(hex);
        let mut hash = Sha256::new();
        let mut file = File::open(&path).map_err(Error::reading(&path))?;
        io::copy(&mut file, &mut HashWriter(&mut hash)).map_err(Error::reading(&path))?;
        let found = crate::declared::hex(&hash.finalize());
        if found == hex {
            Ok(path)
        } else {
            Err(Error::Blob {
                path,
                reason: format!("its SHA-256 is {found}"),
            })
        }
    }

    fn wrong(&self, reason: String) -> Error {
        Error::Layout {
            path: self.0.to_owned(),
            reason,
        }
    }
}

struct HashWriter<'a>(&'a mut Sha256);

impl io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn parse<T: DeserializeOwned>(path: &Path) -> Result<T, Error> {
    let text = fs::read(path).map_err(Error::reading(path))?;
    serde_json::from_slice(&text).map_err(|error| Error::Blob {
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

/// This machine's architecture, as images name it (GOARCH).
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        "loongarch64" => "loong64",
        "powerpc64" => "ppc64le",
        other => other,
    }
}
