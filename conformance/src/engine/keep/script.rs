//! The script that repeats a trial: the same calls, in the same order, on a copy of the bundle.
//!
//! What the runner played for the container is played again: the payload's streams are a fifo and a
//! file, and the probe holds namespaces, takes terminals and listens in the runner's place.

use std::path::Path;

use crate::shell::quote;
use crate::trial::{Made, Sign, Step, Trial};

/// What runs in place of the script's own descriptors: none of these is a runtime's to inherit.
const CLOSED: &str = "3>&- 4>&- 5>&-";

/// Whatever a wrong runtime mounts stays out of the machine's own mounts.
const MOUNTS: &str = r#"
if [ -z "$PLIMSOLL_MOUNTS" ] && unshare --mount true 2>/dev/null; then
    PLIMSOLL_MOUNTS=1 exec unshare --mount --propagation private sh "$0" "$@"
fi
"#;

/// Copies the bundle to a folder of its own, `$work`, and leaves nothing behind.
const HEAD: &str = r#"
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
chmod 755 "$work"
helpers=
trap 'end' EXIT
cp -a "$here/bundle" "$work/bundle"
cp -a "$here/beside/." "$work"
own=$work/.repro
mkdir "$work/root" "$own"
mkfifo "$own/in" "$own/held" "$own/typed"
: >"$own/stdout"; : >"$own/stderr"
exec 4<>"$own/held"
differ=0

# Says what is otherwise than it was.
otherwise() {
    echo "  $1"
    differ=1
}

# Waits until a command succeeds, or for ten seconds; less where something went wrong before.
await() {
    tries=200
    [ "$differ" = 0 ] || tries=20
    until "$@"; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || return 1
        sleep 0.05
    done
}

# Shows what a call wrote, and compares how it ended with how it did.
ended() {
    status=$?
    cat "$own/stdout" "$own/stderr"
    : >"$own/stdout"; : >"$own/stderr"
    echo "  exit status $status"
    [ "$status" = "$1" ] || otherwise "it was $1"
}

# Waits until a call in the background is done, and compares how it ended with how it did.
returned() {
    wait "$caller"
    ended "$1"
}

# Waits for a call that prints for ever, once nobody reads it any more.
hung_up() {
    kill "$caller" 2>/dev/null
    wait "$caller"
    cat "$own/printed"
}

# Compares how several calls ended, in any order.
all_ended() {
    now=
    for pid in $callers; do
        wait "$pid"
        now="$now $?"
    done
    now=$(printf '%s\n' $now | sort | xargs)
    echo "  exit statuses $now"
    [ "$now" = "$1" ] || otherwise "they were $1"
}

printing() { [ -s "$own/printed" ] || over "$caller"; }
either_filled() { [ -s "$1" ] || [ -s "$2" ]; }
is_socket() { [ -S "$1" ]; }
answer_there() { [ "$(wc -l <"$own/out")" -ge "$lines" ]; }
has_printed() { grep -qF -- "$1" "$own/printed"; }
on_screen() { grep -qF -- "$1" "$own/shown"; }
over() {
    kill -0 "$1" 2>/dev/null || return 0
    case $(cat "/proc/$1/stat" 2>/dev/null) in *") Z "*) ;; *) return 1 ;; esac
}
init_over() { [ ! -s "$work/pid" ] || over "$(cat "$work/pid")"; }

# Waits until the payload has written another line, and compares how that begins.
answered() {
    await answer_there
    line=$(sed -n "${lines}p" "$own/out")
    lines=$((lines + 1))
    printf '  < %s\n' "$line"
    case $line in "$1"*) ;; *) otherwise "it was $1…" ;; esac
}

# Waits until the terminal has shown this.
shown() {
    await on_screen "$1" || otherwise "the terminal shows: $(cat "$own/shown")"
}

# Waits until a call that prints for ever has printed this.
printed() {
    await has_printed "$1" || otherwise "it has not printed $1"
}

# Waits until the container's process has ended.
gone() {
    await init_over || otherwise "the program goes on"
}
"#;

/// What a runtime's `delete` may leave, and what the case itself mounted. The trial's cgroups are named
/// by its own id.
const LEAVE: &str = r#"    find /sys/fs/cgroup -depth -type d \
        \( -name "*$id" -o -name "*$id.scope" -o -path "*$id/*" \) -exec rmdir {} + 2>/dev/null
    cut -d ' ' -f 2 /proc/self/mounts | grep "^$work/" | sort -r | xargs -r -n 1 umount -l
    rm -rf "$work"
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
        "#!/bin/sh\n\
         # Repeats {} on {} by hand. Exits with 0 where all ends as it did, with 1 where a call or an\n\
         # answer ends otherwise, and with 2 where it cannot be repeated here.\n",
        trial.case_id, runtime.name
    );
    script.push_str(&refusals(runtime.path()));
    script.push_str(MOUNTS);
    if runtime.view.is_some() {
        script.push_str(VIEW);
    }
    let names = Names::of(trial, steps);
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

/// What the script takes to be there.
fn refusals(runtime: &Path) -> String {
    let uid = nix::unistd::geteuid();
    let runtime = quote(&runtime.display().to_string());
    format!(
        "refuse() {{ echo \"$0: $1\" >&2; exit 2; }}\n\
         [ \"$(id -u)\" = {uid} ] || refuse 'it was called as user {uid}'\n\
         [ -x {runtime} ] || refuse {runtime}' is not there any more'\n"
    )
}

/// What is another when the trial is repeated: its paths, and processes by their folder in /proc.
struct Names {
    id: String,
    dir: String,
    probe: String,
    /// What it was, and what a shell has for it.
    processes: Vec<(String, String)>,
}

impl Names {
    fn of(trial: &Trial, steps: &[Step]) -> Self {
        let text = |path: &Path| path.display().to_string();
        let process = |pid: i32, now: &str| (format!("/proc/{pid}/"), format!("/proc/{now}/"));
        let held = steps.iter().filter_map(|step| match step {
            Step::Held { pid, .. } => Some(process(*pid, &format!("$held_{pid}"))),
            _ => None,
        });
        let init = trial.init.borrow();
        let init = init.as_ref().map(|init| init.0);
        let init = init.map(|pid| process(pid, "$(cat \"$work/pid\")"));
        Self {
            id: trial.id().to_owned(),
            dir: text(trial.dir()),
            probe: text(&trial.probe_path()),
            processes: held.chain(init).collect(),
        }
    }

    /// A command with the names replaced. They need no quotes, and `'"$work"'` is right within
    /// quotes and without.
    fn moved(&self, command: &str) -> String {
        let replaced = |text: &str, name: &str, variable: &str| {
            let mut quoted = false;
            let mut out = String::new();
            for (at, part) in text.split(name).enumerate() {
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
        let text = replaced(&text, &self.dir, "$work");
        let processes = self.processes.iter();
        processes.fold(text, |text, (was, is)| replaced(&text, was, is))
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
        let begin = format!("\nend() {{\n    exec {CLOSED}\n    id={}", quote(&self.id));
        let mut lines = vec![begin];
        lines.extend(ids.into_iter().map(delete));
        // A container's first process ends before the one that holds its PID namespace.
        lines.push("    [ -z \"$helpers\" ] || kill -9 $helpers 2>/dev/null".to_owned());
        lines.push(LEAVE.to_owned());
        lines.join("\n")
    }

    fn step(&self, step: &Step) -> String {
        match step {
            Step::Call(made) => {
                let call = self.call(made, None);
                let streams = if made.streams { STREAMS } else { "" };
                format!(
                    "{streams}{}{call}\nended {}\n",
                    self.shown(made),
                    made.status()
                )
            }
            Step::Together(calls) => self.together(calls),
            Step::Begun(Some(made), sign) => self.begun(made, sign),
            // A call of which nothing is known.
            Step::Begun(None, _) => String::new(),
            Step::Returned(Some(status)) => format!("returned {status}\n"),
            Step::Returned(None) => "hung_up\n".to_owned(),
            Step::Host(command) => {
                let failed = "otherwise 'this set the scene, and failed'";
                self.moved(&format!("{command} || {failed}\n"))
            }
            Step::Held { pid, flags } => {
                let held = format!("held_{pid}");
                format!(
                    "{held}=$(\"$here/probe\" hold {flags} <\"$own/held\" {CLOSED})\n\
                     helpers=\"$helpers ${held}\"\n"
                )
            }
            Step::Listens(path, errno) => {
                let errno = errno.map_or_else(String::new, |errno| errno.to_string());
                self.helper(&format!("listen {} {errno}", path.display()), path)
            }
            Step::Console(path) => {
                let open = "exec 5<>\"$own/typed\"; : >\"$own/shown\"\n";
                let play = format!(
                    "terminal {} <\"$own/typed\" >\"$own/shown\"",
                    path.display()
                );
                format!("{open}{}", self.helper(&play, path))
            }
            Step::Typed(text) => format!("printf %s {} >&5\n", quote(text)),
            Step::Shown(text) => {
                // What a terminal sends ends a line with more than what a file has.
                format!("shown {}\n", quote(text.trim_end()))
            }
            Step::Printed(text) => format!("printed {}\n", quote(text)),
            Step::Met => "answered '{\"'\n".to_owned(),
            Step::Told(line, answer) => self.told(line, answer.as_deref()),
            Step::HungUp => "exec 3>&-\n".to_owned(),
            Step::Ended => "gone\n".to_owned(),
        }
    }

    /// The probe, in the background, once it listens at a path.
    fn helper(&self, play: &str, path: &Path) -> String {
        self.moved(&format!(
            "\"$here/probe\" {play} {CLOSED} &\nhelpers=\"$helpers $!\"\n\
             await is_socket {0} || otherwise 'nobody listens at {0}'\n",
            path.display()
        ))
    }

    fn told(&self, line: &str, answer: Option<&str>) -> String {
        let shown = quote(&format!("  > {}", line.trim_end()));
        let answer = answer.map_or_else(String::new, |answer| {
            format!("answered {}\n", quote(answer))
        });
        self.moved(&format!(
            "printf '%s\\n' {shown}\nprintf %s {} >&3\n{answer}",
            quote(line)
        ))
    }

    /// A call as in a terminal.
    fn shown(&self, made: &Made) -> String {
        let argv = words(made.outcome.argv.iter().map(String::as_str));
        self.moved(&format!("printf '%s\\n' {}\n", quote(&format!("$ {argv}"))))
    }

    /// A call in a shell of its own; its output is that of the call, or the file.
    fn call(&self, made: &Made, output: Option<&str>) -> String {
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
        // One that hung then may hang now.
        let limit = if made.outcome.timed_out {
            let seconds = made.outcome.elapsed.as_secs() + 1;
            format!("timeout --foreground -s KILL {seconds} ")
        } else {
            String::new()
        };
        let (stdin, stdout) = match (made.streams, output) {
            (true, _) => ("\"$own/in\"", ">\"$own/out\""),
            (_, Some(file)) => ("/dev/null", file),
            (_, None) => ("/dev/null", "\"$own/stdout\""),
        };
        self.moved(&format!(
            "({enter}exec {env}{limit}{argv}) <{stdin} >{stdout} 2>\"$own/stderr\" {CLOSED}"
        ))
    }

    fn together(&self, calls: &[Made]) -> String {
        let mut script = "callers=\n".to_owned();
        for made in calls {
            let call = self.call(made, Some("/dev/null"));
            script.extend([&self.shown(made), &call, " &\ncallers=\"$callers $!\"\n"]);
        }
        let mut statuses: Vec<String> =
            calls.iter().map(|made| made.status().to_string()).collect();
        statuses.sort();
        script + &format!("all_ended {}\n", quote(&statuses.join(" ")))
    }

    fn begun(&self, made: &Made, sign: &Sign) -> String {
        let (streams, output, wait) = match sign {
            Sign::Hook(tag) => {
                let log = quote(&format!("hook-{tag}"));
                let wait =
                    format!("await either_filled \"$work/\"{log} \"$work/bundle/rootfs/\"{log}");
                (if made.streams { STREAMS } else { "" }, None, wait)
            }
            Sign::Line => {
                let wait = "await printing".to_owned();
                ("", Some("\"$own/printed\""), wait)
            }
        };
        format!(
            "{streams}{}{} &\ncaller=$!\n{wait} || otherwise 'it gets no further'\n",
            self.shown(made),
            self.call(made, output)
        )
    }
}

/// A payload before this one may have been hung up on, and written what is not this one's.
const STREAMS: &str = "exec 3<>\"$own/in\"; : >\"$own/out\"; lines=1\n";

fn words<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.map(quote).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names {
            id: "t-3".into(),
            dir: "/tmp/t/3".into(),
            probe: "/tmp/t/probe".into(),
            processes: vec![("/proc/12/".into(), "/proc/$held_12/".into())],
        }
    }

    #[test]
    fn names_are_replaced_in_quotes_and_out_of_them() {
        assert_eq!(
            names()
                .moved("cat /tmp/t/3/log '{\"a\": \"/tmp/t/3/x\"}' /tmp/t/probe /proc/12/ns/net"),
            "cat \"$work\"/log '{\"a\": \"'\"$work\"'/x\"}' \"$here/probe\" \"/proc/$held_12/\"ns/net"
        );
    }

    #[test]
    fn what_a_call_printed_is_waited_for_before_it_is_ended() {
        let printed = names().step(&Step::Printed("\"oom\"".into()));
        assert_eq!(printed, "printed '\"oom\"'\n");
    }

    #[test]
    fn an_answer_is_waited_for_where_there_was_one() {
        let told = |answer| names().told("exit 0\n", answer);
        assert!(!told(None).contains("answered"));
        assert!(told(Some("{\"errno\":2}")).ends_with("answered '{\"errno\":2}'\n"));
    }
}
