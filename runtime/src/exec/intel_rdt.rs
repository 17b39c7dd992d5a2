//! Makes, finds and removes groups of resctrl, and puts processes into them.
//!
//! Not tried on hardware: the tests use trees of files as the kernel shows them.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::{Context, StepError};
use crate::plan::Origin;
use crate::plan::intel_rdt::{Class, IntelRdt, ORIGIN};

/// A mounted resctrl file system.
#[derive(Clone, Debug)]
pub struct Resctrl {
    root: PathBuf,
    /// Whether files are made by writing to them. The kernel makes them with their folder; a tree of
    /// a test has nobody who does.
    makes_files: bool,
}

/// The group of a container.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Group {
    /// The folders whose `tasks` take the process, in this order: the class, then its monitoring
    /// group.
    pub dirs: Vec<PathBuf>,
    /// What a create that fails later must remove: all that was made.
    pub undo: Option<PathBuf>,
    /// What `delete` must remove.
    pub remove: Option<PathBuf>,
}

impl Resctrl {
    /// Finds the file system in the runtime's mount namespace.
    pub fn find() -> Result<Self, StepError> {
        let mounts = std::fs::read_to_string("/proc/self/mountinfo")
            .step(&ORIGIN, || "look for a mounted resctrl file system")?;
        let root = mount_point(&mounts).ok_or_else(|| {
            StepError::refused("no resctrl file system is mounted on this machine", &ORIGIN)
        })?;
        Ok(Self {
            root,
            makes_files: false,
        })
    }

    /// Makes or finds the group that the plan asks for. Where it fails nothing stays.
    pub fn prepare(&self, plan: &IntelRdt) -> Result<Group, StepError> {
        let (dir, created) = self.class(plan)?;
        let made = created.then(|| dir.clone());
        self.fill(plan, &dir, created).inspect_err(|_| {
            if let Some(made) = &made {
                // The error that led here is the one to report.
                let _ = remove(made);
            }
        })
    }

    /// The folder of the class, and whether it was made just now.
    fn class(&self, plan: &IntelRdt) -> Result<(PathBuf, bool), StepError> {
        let (name, origin) = match &plan.class {
            Class::Root => return Ok((self.root.clone(), false)),
            Class::Named(name) => (name, ORIGIN.child("closID")),
            Class::Own(name) => (name, ORIGIN),
        };
        let dir = self.root.join(name);
        let named = matches!(plan.class, Class::Named(_));
        if named && plan.schemata.is_empty() {
            // Without a schema there is nothing that a new class could be for.
            if !dir.is_dir() {
                let why = format!("class {name} does not exist in resctrl, and no schema is given");
                return Err(StepError::refused(why, &origin));
            }
            return Ok((dir, false));
        }
        match std::fs::create_dir(&dir) {
            Ok(()) => Ok((dir, true)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok((dir, false)),
            Err(error) => {
                Err(error).step(&origin, || self.explained(&format!("make class {name}")))
            }
        }
    }

    fn fill(&self, plan: &IntelRdt, dir: &Path, created: bool) -> Result<Group, StepError> {
        let own = matches!(plan.class, Class::Own(_));
        if created || own {
            for (line, origin) in &plan.schemata {
                self.write(&dir.join("schemata"), &format!("{line}\n"))
                    .step(origin, || self.explained(&format!("write schema {line}")))?;
            }
        } else {
            compare(dir, &plan.schemata)?;
        }
        let monitor = plan
            .monitor
            .as_ref()
            .map(|id| dir.join("mon_groups").join(id));
        if let Some(monitor) = &monitor {
            std::fs::create_dir(monitor).step(&ORIGIN.child("enableMonitoring"), || {
                self.explained(&format!("make monitoring group {}", monitor.display()))
            })?;
        }
        // The kernel removes a class together with its monitoring groups.
        let made = created.then(|| dir.to_owned());
        Ok(Group {
            undo: made.clone().or_else(|| monitor.clone()),
            remove: made.filter(|_| own).or_else(|| monitor.clone()),
            dirs: std::iter::once(dir.to_owned()).chain(monitor).collect(),
        })
    }

    /// Puts a process into the group.
    pub fn assign(&self, group: &Group, pid: i32) -> Result<(), StepError> {
        for dir in &group.dirs {
            let tasks = dir.join("tasks");
            self.write(&tasks, &format!("{pid}\n")).step(&ORIGIN, || {
                self.explained(&format!("write {pid} to {}", tasks.display()))
            })?;
        }
        Ok(())
    }

    fn write(&self, path: &Path, text: &str) -> io::Result<()> {
        let mut options = std::fs::OpenOptions::new();
        options.write(true);
        if self.makes_files {
            options.create(true).append(true);
        }
        options.open(path)?.write_all(text.as_bytes())
    }

    /// Adds what the kernel says of the last failure, which is more than its errno.
    fn explained(&self, action: &str) -> String {
        let status = std::fs::read_to_string(self.root.join("info/last_cmd_status"));
        match status.as_deref().map(str::trim) {
            Ok("" | "ok") | Err(_) => action.to_owned(),
            Ok(status) => format!("{action} ({status})"),
        }
    }
}

/// Removes a group; one that is gone is as good.
pub fn remove(dir: &Path) -> io::Result<()> {
    match std::fs::remove_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// The first mount point of type resctrl in the text of `/proc/self/mountinfo`.
fn mount_point(mounts: &str) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        // proc_pid_mountinfo(5): the type is the first field after " - ".
        let (before, after) = line.split_once(" - ")?;
        let point = before.split(' ').nth(4)?;
        after.starts_with("resctrl ").then(|| unescape(point))
    })
}

/// Blanks and backslashes are octal there.
fn unescape(text: &str) -> PathBuf {
    let pairs = [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ];
    let plain = pairs.iter().fold(text.to_owned(), |text, (code, plain)| {
        text.replace(code, plain)
    });
    plain.into()
}

/// Checks that a class which was there already has what the configuration asks for.
fn compare(dir: &Path, wanted: &[(String, Origin)]) -> Result<(), StepError> {
    if wanted.is_empty() {
        return Ok(());
    }
    let path = dir.join("schemata");
    let text =
        std::fs::read_to_string(&path).step(&ORIGIN, || format!("read {}", path.display()))?;
    let present: BTreeMap<&str, BTreeMap<&str, String>> = text.lines().filter_map(parse).collect();
    // Of two lines for one resource the later holds.
    let mut asked = BTreeMap::new();
    for (line, origin) in wanted {
        let Some((resource, domains)) = parse(line) else {
            let why = format!("schema {line:?} is not of the form RESOURCE:ID=VALUE;...");
            return Err(StepError::refused(why, origin));
        };
        for (domain, value) in domains {
            asked.insert((resource, domain), (value, origin));
        }
    }
    for ((resource, domain), (value, origin)) in asked {
        let has = present
            .get(resource)
            .and_then(|domains| domains.get(domain));
        if has != Some(&value) {
            let has = has.map_or("nothing", String::as_str);
            let why = format!(
                "the class exists with {resource}:{domain}={has} in {}, not {value}",
                path.display()
            );
            return Err(StepError::refused(why, origin));
        }
    }
    Ok(())
}

/// A line of `schemata`: the resource, and the value of each domain. The kernel pads values with
/// blanks and zeroes.
fn parse(line: &str) -> Option<(&str, BTreeMap<&str, String>)> {
    let (resource, domains) = line.trim().split_once(':')?;
    let domains = domains.split(';').filter(|part| !part.trim().is_empty());
    let domains = domains.map(|part| {
        let (domain, value) = part.split_once('=')?;
        let value = value.trim().trim_start_matches("0x").to_ascii_lowercase();
        let short = value.trim_start_matches('0');
        let value = if short.is_empty() { "0" } else { short };
        Some((domain.trim(), value.to_owned()))
    });
    Some((resource.trim(), domains.collect::<Option<_>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a machine of two sockets shows.
    const SCHEMATA: &str = "    MB:0= 20;1= 70\n    L3:0=007f0;1=0001f\n";

    struct Tree {
        folder: tempfile::TempDir,
        resctrl: Resctrl,
    }

    fn tree() -> Tree {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        for dir in ["info", "mon_groups", "gold/mon_groups"] {
            std::fs::create_dir_all(root.join(dir)).expect("a folder");
        }
        for (file, text) in [
            ("schemata", SCHEMATA),
            ("tasks", "1\n"),
            ("gold/schemata", SCHEMATA),
            ("gold/tasks", ""),
            ("info/last_cmd_status", "ok\n"),
        ] {
            std::fs::write(root.join(file), text).expect("a file");
        }
        let resctrl = Resctrl {
            root: root.to_owned(),
            makes_files: true,
        };
        Tree { folder, resctrl }
    }

    impl Tree {
        fn read(&self, file: &str) -> String {
            std::fs::read_to_string(self.folder.path().join(file)).expect(file)
        }

        fn path(&self, file: &str) -> PathBuf {
            self.folder.path().join(file)
        }
    }

    fn plan(class: Class, lines: &[&str], monitor: bool) -> IntelRdt {
        let origin = |at| ORIGIN.child(format_args!("schemata/{at}"));
        let lines = lines.iter().enumerate();
        IntelRdt {
            class,
            schemata: lines
                .map(|(at, line)| ((*line).to_owned(), origin(at)))
                .collect(),
            monitor: monitor.then(|| "c1".to_owned()),
        }
    }

    fn named(name: &str) -> Class {
        Class::Named(name.into())
    }

    #[test]
    fn a_container_s_own_class_is_made_written_and_removed() {
        let tree = tree();
        let rdt = plan(Class::Own("c1".into()), &["L3:0=f", "MB:0=20"], false);
        let group = tree.resctrl.prepare(&rdt).expect("made");
        tree.resctrl.assign(&group, 4711).expect("assigned");
        assert_eq!(tree.read("c1/schemata"), "L3:0=f\nMB:0=20\n");
        assert_eq!(tree.read("c1/tasks"), "4711\n");
        assert_eq!(group.remove, Some(tree.path("c1")));
        assert_eq!(group.undo, group.remove);
    }

    #[test]
    fn without_a_schema_none_is_written() {
        let tree = tree();
        let group = tree
            .resctrl
            .prepare(&plan(Class::Root, &[], false))
            .expect("found");
        tree.resctrl.assign(&group, 4711).expect("assigned");
        assert_eq!(tree.read("schemata"), SCHEMATA);
        assert_eq!(tree.read("tasks"), "1\n4711\n");
        assert_eq!((group.undo, group.remove), (None, None));
    }

    #[test]
    fn a_named_class_that_is_there_is_compared_and_kept() {
        let tree = tree();
        let same = plan(named("gold"), &["L3:0=7F0;1=1f", "MB:1=70"], false);
        let group = tree.resctrl.prepare(&same).expect("equal");
        assert_eq!((group.undo, group.remove), (None, None));
        for (lines, at) in [
            (&["L3:0=7f0", "MB:0=30"][..], 1),
            (&["L3:2=1"][..], 0),
            (&["L2:0=1"][..], 0),
            (&["L3"][..], 0),
        ] {
            let error = tree.resctrl.prepare(&plan(named("gold"), lines, true));
            let error = error.expect_err("different").to_string();
            let pointer = format!("config.json /linux/intelRdt/schemata/{at}");
            assert!(error.contains(&pointer), "{error}");
        }
        assert_eq!(tree.read("gold/schemata"), SCHEMATA);
        assert!(!tree.path("gold/mon_groups/c1").exists());
    }

    #[test]
    fn a_named_class_is_made_only_for_a_schema_and_outlives_the_container() {
        let tree = tree();
        let error = tree
            .resctrl
            .prepare(&plan(named("new"), &[], false))
            .expect_err("missing");
        assert!(
            error.to_string().contains("/linux/intelRdt/closID"),
            "{error}"
        );
        assert!(!tree.path("new").exists());
        let group = tree
            .resctrl
            .prepare(&plan(named("new"), &["L3:0=1"], false))
            .expect("made");
        assert_eq!(tree.read("new/schemata"), "L3:0=1\n");
        assert_eq!((group.undo, group.remove), (Some(tree.path("new")), None));
    }

    #[test]
    fn a_monitoring_group_takes_the_process_and_goes_with_the_container() {
        let tree = tree();
        let rdt = plan(named("gold"), &[], true);
        let group = tree.resctrl.prepare(&rdt).expect("made");
        tree.resctrl.assign(&group, 4711).expect("assigned");
        assert_eq!(tree.read("gold/tasks"), "4711\n");
        assert_eq!(tree.read("gold/mon_groups/c1/tasks"), "4711\n");
        assert_eq!(group.remove, Some(tree.path("gold/mon_groups/c1")));
        let error = tree
            .resctrl
            .prepare(&rdt)
            .expect_err("the group exists")
            .to_string();
        assert!(
            error.contains("/linux/intelRdt/enableMonitoring"),
            "{error}"
        );
    }

    #[test]
    fn a_class_that_cannot_be_filled_is_taken_back_and_the_kernel_s_reason_is_told() {
        let tree = tree();
        std::fs::write(tree.path("info/last_cmd_status"), "no free RMIDs\n").expect("a file");
        // A new folder of this tree has no mon_groups.
        let rdt = plan(Class::Own("c1".into()), &[], true);
        let error = tree
            .resctrl
            .prepare(&rdt)
            .expect_err("no mon_groups")
            .to_string();
        assert!(error.contains("(no free RMIDs)"), "{error}");
        assert!(!tree.path("c1").exists());
    }

    #[test]
    fn the_mount_is_found_by_its_type() {
        let mounts = "22 1 0:21 / /proc rw - proc proc rw\n\
                      40 30 0:38 / /sys/fs/res\\040ctrl rw,relatime shared:18 - resctrl resctrl rw\n";
        assert_eq!(mount_point(mounts), Some("/sys/fs/res ctrl".into()));
        assert_eq!(
            mount_point("22 1 0:21 / /resctrl rw - tmpfs resctrl rw\n"),
            None
        );
    }
}
