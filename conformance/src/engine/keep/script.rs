//! The script that repeats a trial: the same calls, in the same order, on a copy of the bundle.
//!
//! What the runner itself played for the container is repeated as far as a shell can: the payload's
//! streams are a fifo and a file. A terminal's or a seccomp listener's other end is not there.

use std::path::Path;

use crate::shell::quote;
use crate::trial::{Made, Step, Trial};

/// Whatever a wrong runtime mounts stays out of the machine's own mounts.
const MOUNTS: &str = r#"
if [ -z "$PLIMSOLL_MOUNTS" ] && [ "$(id -u)" = 0 ]; then
    PLIMSOLL_MOUNTS=1 exec unshare --mount --propagation private sh "$0" "$@"
fi
"#;

/// Copies the bundle to a folder of its own, `$work`, and leaves nothing behind.
const HEAD: &str = r#"
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
chmod 755 "$work"
trap 'end' EXIT
cp -a "$here/bundle" "$work/bundle"
mkdir "$work/root"
mkfifo "$work/in"
: >"$work/stdout"
differ=0

# Makes a call, and compares how it ended with how it did.
ended() {
    status=$?
    cat "$work/stdout" "$work/stderr"
    : >"$work/stdout"; : >"$work/stderr"
    echo "  exit status $status"
    if [ "$status" != "$1" ]; then
        echo "  it was $1"
        differ=1
    fi
}

# Waits until the payload has written another line, or for ten seconds.
answered() {
    tries=0
    while [ "$(wc -l <"$work/out")" -lt "$lines" ] && [ "$tries" -lt 200 ]; do
        sleep 0.05
        tries=$((tries + 1))
    done
    lines=$((lines + 1))
    tail -n 1 "$work/out" | sed 's/^/  < /'
}

# Waits until the container's process has ended, or for ten seconds.
gone() {
    tries=0
    while [ -s "$work/pid" ] && kill -0 "$(cat "$work/pid")" 2>/dev/null && [ "$tries" -lt 200 ]; do
        case $(cat "/proc/$(cat "$work/pid")/stat" 2>/dev/null) in *") Z "*) break ;; esac
        sleep 0.05
        tries=$((tries + 1))
    done
}
"#;

/// As [`crate::drive::View`] has it: everything but the unified hierarchy.
const VIEW: &str = r#"
# The runtime refuses a hybrid cgroup layout: it gets mounts of its own without the unified part.
if [ -n "$PLIMSOLL_MOUNTS" ] && [ -e /sys/fs/cgroup/unified ]; then
    held=$(mktemp -d)
    mount --rbind /sys/fs/cgroup "$held"
    mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
    for entry in "$held"/*; do
        name=$(basename "$entry")
        if [ -h "$entry" ]; then
            cp -P "$entry" "/sys/fs/cgroup/$name"
        elif [ "$name" != unified ]; then
            mkdir "/sys/fs/cgroup/$name"
            mount --bind "$entry" "/sys/fs/cgroup/$name"
        fi
    done
    umount -l "$held"
    rmdir "$held"
fi
"#;

/// The script of a trial.
pub(super) fn of(trial: &Trial, steps: &[Step]) -> String {
    let runtime = trial.runtime_itself();
    let mut script = format!(
        "#!/bin/sh\n# Repeats {} on {} by hand; exits with 1 where a call ends otherwise than it did.\n",
        trial.case_id, runtime.name
    );
    script.push_str(MOUNTS);
    if runtime.view.is_some() {
        script.push_str(VIEW);
    }
    let names = Names::of(trial);
    script.push_str(&names.end(&runtime.argv, &*trial.ids.borrow()));
    script.push_str(HEAD);
    script.push_str(&names.move_config());
    for step in steps {
        script.push('\n');
        script.push_str(&names.step(step));
    }
    script.push_str("\nexit $differ\n");
    script
}

/// The trial's own paths, which are others when it is repeated.
struct Names {
    dir: String,
    probe: String,
}

impl Names {
    fn of(trial: &Trial) -> Self {
        let text = |path: &Path| path.display().to_string();
        Self {
            dir: text(trial.dir()),
            probe: text(&trial.probe_path()),
        }
    }

    /// A command with the trial's paths replaced. They need no quotes, and `'"$work"'` is right
    /// within quotes and without.
    fn moved(&self, command: &str) -> String {
        let replaced = |text: &str, path: &str, variable: &str| {
            let mut quoted = false;
            let mut out = String::new();
            for (at, part) in text.split(path).enumerate() {
                let quote = if quoted { "'" } else { "" };
                if at > 0 {
                    out.extend([quote, "\"", variable, "\"", quote]);
                }
                quoted ^= part.matches('\'').count() % 2 == 1;
                out.push_str(part);
            }
            out
        };
        let text = replaced(command, &self.probe, "$here/probe");
        replaced(&text, &self.dir, "$work")
    }

    /// Lets config.json speak of the copies.
    fn move_config(&self) -> String {
        format!(
            "sed -i 's|{}|'\"$here/probe\"'|g; s|{}|'\"$work\"'|g' \"$work/bundle/config.json\"\n",
            self.probe, self.dir
        )
    }

    /// What is done at the end, whatever happens.
    fn end<'a>(&self, argv: &[String], ids: impl IntoIterator<Item = &'a String>) -> String {
        let runtime = words(argv.iter().map(String::as_str));
        let delete = |id: &String| {
            let id = quote(id);
            let runtime = self.moved(&runtime);
            format!("    {runtime} --root \"$work/root\" delete --force {id} 2>/dev/null")
        };
        let mut lines = vec!["\nend() {".to_owned(), "    exec 3>&-".to_owned()];
        lines.extend(ids.into_iter().map(delete));
        lines.push("    rm -rf \"$work\"\n}\n".to_owned());
        lines.join("\n")
    }

    fn step(&self, step: &Step) -> String {
        match step {
            Step::Call(made) => self.call(made),
            Step::Host(command) => format!("{}\n", self.moved(command)),
            Step::Met => "answered\n".to_owned(),
            Step::Told(line) => {
                let shown = quote(&format!("  > {}", line.trim_end()));
                let told = quote(line);
                self.moved(&format!(
                    "printf '%s\\n' {shown}\nprintf %s {told} >&3\nanswered\n"
                ))
            }
            Step::HungUp => "exec 3>&-\n".to_owned(),
            Step::Ended => "gone\n".to_owned(),
        }
    }

    fn call(&self, made: &Made) -> String {
        let argv = words(made.outcome.argv.iter().map(String::as_str));
        let env = made
            .env
            .iter()
            .map(|(name, value)| quote(&format!("{name}={value}")));
        let env: Vec<String> = env.collect();
        let env = match env.as_slice() {
            [] => String::new(),
            some => format!("env {} ", some.join(" ")),
        };
        let enter = made.cwd.as_ref().map_or_else(String::new, |dir| {
            format!("cd {} && ", quote(&dir.display().to_string()))
        });
        let (stdin, stdout) = if made.streams {
            ("\"$work/in\"", ">\"$work/out\"")
        } else {
            ("/dev/null", "\"$work/stdout\"")
        };
        let shown = quote(&format!("$ {argv}"));
        let was = match made.outcome.exit {
            crate::drive::Exit::Code(code) => code,
            crate::drive::Exit::Signal(signal) => 128 + signal,
            crate::drive::Exit::Unknown => -1,
        };
        // A payload before this one may have been hung up on, and written what is not this one's.
        let anew = if made.streams {
            "exec 3<>\"$work/in\"; : >\"$work/out\"; lines=1\n"
        } else {
            ""
        };
        self.moved(&format!(
            "{anew}printf '%s\\n' {shown}\n({enter}exec {env}{argv}) \
             <{stdin} >{stdout} 2>\"$work/stderr\" 3>&-\nended {was}\n"
        ))
    }
}

fn words<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.map(quote).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_replaced_in_quotes_and_out_of_them() {
        let names = Names {
            dir: "/tmp/t/3".into(),
            probe: "/tmp/t/probe".into(),
        };
        assert_eq!(
            names.moved("cat /tmp/t/3/log '{\"a\": \"/tmp/t/3/x\"}' /tmp/t/probe"),
            "cat \"$work\"/log '{\"a\": \"'\"$work\"'/x\"}' \"$here/probe\""
        );
    }
}
