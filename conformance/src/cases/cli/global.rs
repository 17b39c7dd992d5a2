//! The command line as a whole.

use crate::cases::prelude::*;
use crate::verdict::Stop;

const EXECUTABLE: &str = "cli.global.executable";
const TEMPLATE: &str = "cli.global.template";
const UNAMBIGUOUS: &str = "cli.global.unambiguous";
const NO_HYPHEN: &str = "cli.global.commands-no-hyphen";
const OPTIONS: &str = "cli.global.options-with-hyphen";
const ID: &str = "cli.create.id-argument";
const BUNDLE: &str = "cli.create.bundle-option";
const ENCODING: &str = "cli.encoding.native";

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "cli/global/options_command_options_arguments",
            [
                TEMPLATE,
                EXECUTABLE,
                UNAMBIGUOUS,
                NO_HYPHEN,
                OPTIONS,
                ID,
                BUNDLE,
            ],
        )
        .run(|t| {
            // `--root DIR create --bundle PATH ID`, from elsewhere than the bundle.
            let created = t.try_create_by(t.create_call().cwd("/"))?;
            t.on([TEMPLATE, EXECUTABLE, NO_HYPHEN, OPTIONS])
                .succeeds(&created)?;
            let printed = t.try_state()?;
            let state = printed.json().unwrap_or_default();
            t.on([UNAMBIGUOUS, OPTIONS]).that(
                "`state` prints a state",
                state["status"].is_string(),
                printed.describe(),
            )?;
            t.on(ID).eq("the id in the state", &state["id"], t.id())?;
            t.on(BUNDLE)
                .eq("the bundle in the state", &state["bundle"], t.bundle_arg())
        })
        .saboteurs([
            lies("create", How::Refuse).on([TEMPLATE, EXECUTABLE, NO_HYPHEN, OPTIONS]),
            lies("state", How::Instead(&["list"])).on([UNAMBIGUOUS, OPTIONS]),
            lies("state", How::output("/id", "another")).on(ID),
            lies("state", How::output("/bundle", "/")).on(BUNDLE),
        ]),
        Case::new(
            "cli/global/unknown_command_refused",
            "cli.global.unknown-command-nonzero",
        )
        .run(|t| t.errors(&t.runtime(["frobnicate"])?))
        .saboteurs([lies("frobnicate", How::Exit(0))]),
        Case::new("cli/global/text_keeps_its_characters", ENCODING)
            .bundle(|b| b.set("/annotations", json!({"a.key": "Grüße ☃ 日本"})))
            .run(|t| {
                t.create()?;
                let state = t.state()?.raw;
                let Some(seen) = state["annotations"].get("a.key") else {
                    return Err(Stop::Skip("the runtime prints no annotations".into()));
                };
                t.eq("an annotation in the state", seen, "Grüße ☃ 日本")
            })
            .saboteurs([lies("state", How::output("/annotations/a.key", "Gr??e"))]),
    ]
}
