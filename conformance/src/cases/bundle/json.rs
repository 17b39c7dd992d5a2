//! glossary.md#json: the encoding of config.json.

use crate::cases::prelude::*;

const UTF8: &str = "glossary.json.utf8";
const ORDER: &str = "glossary.json.order-insignificant";

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("bundle/json/is_utf8", UTF8)
            .bundle(|b| {
                b.env("GRUSS=Grüße ☃ 日本 𝄞")
                    .mount("/mnt/ñ", "tmpfs", "none", &[])
            })
            .run(|t| {
                let report = t.agent()?.report;
                t.has("the environment", &report.env, "GRUSS=Grüße ☃ 日本 𝄞")?;
                let lines = report.mountinfo.value().cloned().unwrap_or_default();
                let seen = mount_at(&lines, "/mnt/ñ").map(|mount| mount.kind);
                t.eq("what is mounted on /mnt/ñ", seen, "tmpfs")
            })
            .saboteurs([
                alters("/process/env/1", "GRUSS=GrÃ¼Ã\u{9f}e"),
                alters("/mounts/5/destination", "/mnt/n"),
            ]),
        Case::new("bundle/json/utf16_refused", UTF8)
            .run(|t| {
                let file = t.bundle().join("config.json");
                let text = t.config()?.to_string();
                let utf16: Vec<u8> = std::iter::once(0xfeff)
                    .chain(text.encode_utf16())
                    .flat_map(u16::to_le_bytes)
                    .collect();
                t.write_bytes(&file, &utf16)?;
                t.refused()
            })
            .saboteurs([lies("create", How::Skip)]),
        Case::new("bundle/json/order_of_members_does_not_matter", ORDER)
            .bundle(|b| b.hostname("order").env("ORDER=any"))
            .run(|t| {
                let config = t.config()?;
                t.write(&t.bundle().join("config.json"), &backwards(&config))?;
                let report = t.must(t.agent())?.report;
                t.eq("the host name", report.uname.nodename, "order")?;
                t.has("the environment", &report.env, "ORDER=any")
            })
            .saboteurs([
                lies("create", How::Refuse),
                drops("/hostname"),
                drops("/process/env/1"),
            ]),
    ]
}

/// The text of a document with the members of every object in the opposite order.
fn backwards(json: &Value) -> String {
    match json {
        Value::Object(map) => {
            let mut members: Vec<String> = map
                .iter()
                .map(|(name, value)| format!("{}:{}", json!(name), backwards(value)))
                .collect();
            members.reverse();
            format!("{{{}}}", members.join(","))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(backwards).collect();
            format!("[{}]", items.join(","))
        }
        scalar => scalar.to_string(),
    }
}
