//! `plimsoll bundle`.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::plimsoll;

/// An image layout in the making.
struct Layout<'a>(&'a Path);

impl Layout<'_> {
    /// Writes a blob; answers its descriptor.
    fn blob(&self, kind: &str, bytes: &[u8]) -> Value {
        let digest = Sha256::digest(bytes);
        let digits: Vec<String> = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let hex = digits.concat();
        let folder = self.0.join("blobs/sha256");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(&hex), bytes).unwrap();
        json!({"mediaType": format!("application/vnd.oci.image.{kind}"), "digest": format!("sha256:{hex}"), "size": bytes.len()})
    }

    /// An image whose one layer holds the empty files `names`, called `tag`.
    fn image(&self, names: &[&str], config: &Value, tag: &str) -> Value {
        let mut tar = tar::Builder::new(Vec::new());
        for name in names {
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o644);
            header.set_uid(0);
            header.set_gid(0);
            header.set_mtime(0);
            header.set_size(0);
            tar.append_data(&mut header, name, std::io::empty())
                .unwrap();
        }
        let layer = self.blob("layer.v1.tar", &tar.into_inner().unwrap());
        let config = self.blob(
            "config.v1+json",
            json!({"config": config}).to_string().as_bytes(),
        );
        let manifest = json!({"schemaVersion": 2, "config": config, "layers": [layer]});
        let mut image = self.blob("manifest.v1+json", manifest.to_string().as_bytes());
        image["annotations"] = json!({"org.opencontainers.image.ref.name": tag});
        image
    }

    fn index(&self, images: &[Value]) {
        let index = json!({"schemaVersion": 2, "manifests": images});
        fs::write(self.0.join("index.json"), index.to_string()).unwrap();
    }
}

#[test]
fn the_probe_needs_nothing() {
    let done = plimsoll("bundle b --config minimal --args /probe exit 7")
        .run()
        .exits(0);
    let config: Value = serde_json::from_str(&done.wrote("b/config.json")).unwrap();
    assert_eq!(config["process"]["args"], json!(["/probe", "exit", "7"]));
}

#[test]
fn an_image_is_chosen_by_its_tag_and_its_config_applied() {
    let dir = tempfile::tempdir().unwrap();
    let layout = Layout(dir.path());
    let old = layout.image(&["old"], &json!({}), "1");
    let config = json!({"User": "5:6", "Cmd": ["/new", "-x"], "WorkingDir": "/srv"});
    layout.index(&[old, layout.image(&["new"], &config, "2")]);
    let path = dir.path().display();

    let done = plimsoll(&format!("bundle b --rootfs oci={path}:2"))
        .run()
        .exits(0);
    let made: Value = serde_json::from_str(&done.wrote("b/config.json")).unwrap();
    assert_eq!(made["process"]["args"], json!(["/new", "-x"]));
    assert_eq!(made["process"]["user"], json!({"uid": 5, "gid": 6}));
    assert_eq!(made["process"]["cwd"], "/srv");
    done.wrote("b/rootfs/new");

    let unnamed = plimsoll(&format!("bundle b --rootfs oci={path}")).run();
    unnamed.exits(2).says("name one by :TAG: 1, 2").silent();
    let unknown = plimsoll(&format!("bundle b --rootfs oci={path}:3")).run();
    unknown.exits(2).says("no image is called \"3\"").silent();
}

#[test]
fn a_blob_that_is_not_what_its_digest_says_is_refused_and_nothing_stays() {
    let dir = tempfile::tempdir().unwrap();
    let layout = Layout(dir.path());
    let image = layout.image(&["a"], &json!({}), "1");
    let blob = image["digest"].as_str().unwrap().replace(':', "/");
    layout.index(&[image]);
    let file = dir.path().join("blobs").join(blob);
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text + " ").unwrap();
    let place = tempfile::tempdir().unwrap();
    let bundle = place.path().join("b");
    let words = format!(
        "bundle {} --rootfs oci={}",
        bundle.display(),
        dir.path().display()
    );
    plimsoll(&words)
        .run()
        .exits(2)
        .says("its SHA-256 is")
        .silent();
    assert!(!bundle.exists());

    // A digest that is a path reaches no file.
    layout.index(&[json!({"mediaType": "", "digest": "sha256:../../index.json"})]);
    plimsoll(&words).run().exits(2).says("64 digits").silent();
}

#[test]
fn what_cannot_be_made_is_said() {
    for (words, said) in [
        ("bundle . --rootfs probe", "not empty"),
        ("bundle b --rootfs tar=none.tar", "none.tar"),
        ("bundle b --rootfs oci=.", "no index.json"),
        ("bundle b --rootfs busybox=notes", "no static program"),
        ("bundle b --rootfs iso=x", "oci=LAYOUT[:TAG]"),
        ("bundle b --rootfs dir=.", "copied into itself"),
    ] {
        plimsoll(words)
            .file("notes", "")
            .run()
            .exits(2)
            .says(said)
            .silent();
    }
}
