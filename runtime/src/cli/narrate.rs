//! What `--debug` says of a plan before it is carried out.

use std::path::Path;

use crate::plan::hooks::Hook;
use crate::plan::mounts::{Mount, Source};
use crate::plan::namespaces::TYPES;
use crate::plan::{Plan, namespaces};

/// A line for each thing that is about to be made.
pub(super) fn plan(plan: &Plan) -> Vec<String> {
    let made = TYPES
        .iter()
        .filter(|(kind, ..)| plan.namespaces.creates(*kind))
        .map(|(.., name)| format!("make a {name} namespace"));
    let joined = plan.namespaces.join.iter().map(|join| {
        let name = namespaces::name(join.flag);
        format!("join the {name} namespace {}", join.path.display())
    });
    let groups = plan.cgroup.groups.iter();
    let groups = groups.map(|group| format!("cgroup {}", group.dir().display()));
    let mounts = plan.mounts.iter().map(mount);
    let hooks = [
        ("prestart", &plan.hooks.prestart),
        ("createRuntime", &plan.hooks.create_runtime),
        ("createContainer", &plan.hooks.create_container),
        ("startContainer", &plan.hooks.start_container),
        ("poststart", &plan.hooks.poststart),
        ("poststop", &plan.hooks.poststop),
    ];
    let hooks = hooks.into_iter().flat_map(|(kind, list)| {
        list.iter()
            .map(move |hook: &Hook| format!("hook {kind} {}", hook.path.to_string_lossy()))
    });
    let process = plan.process.iter();
    let process = process.map(|process| format!("process {:?}", process.args));
    made.chain(joined)
        .chain(groups)
        .chain([format!("root {}", plan.rootfs.path.display())])
        .chain(mounts)
        .chain(hooks)
        .chain(process)
        .collect()
}

fn mount(mount: &Mount) -> String {
    let target = Path::new("/").join(&mount.target);
    let target = target.display();
    match &mount.source {
        Source::New { fstype, .. } => format!("mount {} on {target}", fstype.to_string_lossy()),
        Source::Bind { path, .. } => format!("bind {} on {target}", path.display()),
        Source::Remount(_) => format!("remount {target}"),
        Source::Cgroup => format!("mount cgroups on {target}"),
        Source::Link(to) => format!("link {target} to {}", to.display()),
    }
}
