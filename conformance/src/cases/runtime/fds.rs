//! runtime-linux.md#file-descriptors.

use crate::cases::prelude::*;
use crate::trial::Agent;

const ONLY: &str = "runtime-linux.fds.only-stdio-open";
const HOST: &str = "runtime-linux.fds.no-host-directory-leak";
const EXTRA: &str = "runtime-linux.fds.extra-fds";

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("runtime/fds/only_standard_streams", [ONLY, HOST])
            .run(|t| {
                let call = t
                    .create_call()
                    .behind("exec 3</ 4</proc 7</dev/null 9</etc");
                let agent = t.agent_by(call)?;
                let beyond = beyond_the_streams(&agent);
                let outside: Vec<&String> = agent
                    .report
                    .fds
                    .iter()
                    .filter(|open| open.fd > 2)
                    .filter_map(|open| open.target.value())
                    .filter(|target| target.starts_with('/'))
                    .collect();
                t.on(HOST).eq(
                    "files that the program holds open",
                    outside,
                    Vec::<String>::new(),
                )?;
                t.eq(
                    "descriptors beyond the standard streams",
                    beyond,
                    Vec::<i32>::new(),
                )
            })
            .saboteurs([
                leaks("2").on(HOST),
                wraps("pass a pipe on", |call, next| match call.operation() {
                    "create" => {
                        let mut call = preserving(call, "1");
                        call.through = [
                            "/bin/sh",
                            "-c",
                            "sleep 0 | { exec 3<&0 </dev/null; exec \"$@\"; }",
                            "sh",
                        ]
                        .map(str::to_owned)
                        .to_vec();
                        next(&call)
                    }
                    _ => next(call),
                })
                .on(ONLY),
            ]),
        Case::new("runtime/fds/passed_on_by_request", EXTRA)
            .bundle(|b| b.env("LISTEN_FDS=2"))
            .run(|t| {
                let dir = t.dir().display().to_string();
                t.write(&t.dir().join("three"), "3")?;
                t.write(&t.dir().join("four"), "4")?;
                let opened = format!("exec 3<{dir}/three 4<{dir}/four");
                let call = preserving(&t.create_call(), "2").behind(&opened);
                let agent = t.agent_by(call)?;
                t.eq(
                    "descriptors beyond the standard streams",
                    beyond_the_streams(&agent),
                    [3, 4],
                )?;
                let seen = |fd: &'static str| agent.attempt(move |p| p.ask(&["fd", fd]));
                t.eq("descriptor 3", seen("3")?, "OK")?;
                t.eq("descriptor 4", seen("4")?, "OK")
            })
            .saboteurs([wraps("pass no descriptor on", |call, next| {
                let args = call
                    .args
                    .iter()
                    .filter(|arg| !arg.starts_with("--preserve-fds"));
                next(&call.with_args(args.cloned()))
            })]),
    ]
}

/// The call with descriptors from 3 on passed to the container's program.
fn preserving(call: &crate::drive::Call, count: &str) -> crate::drive::Call {
    let flag = format!("--preserve-fds={count}");
    let mut args = call.args.clone();
    args.insert(1, flag);
    call.with_args(args)
}

fn leaks(count: &'static str) -> Saboteur {
    wraps("pass descriptors on", move |call, next| {
        match call.operation() {
            "create" => next(&preserving(call, count)),
            _ => next(call),
        }
    })
}

fn beyond_the_streams(agent: &Agent<'_>) -> Vec<i32> {
    let numbers = agent.report.fds.iter().map(|open| open.fd);
    numbers.filter(|fd| *fd > 2).collect()
}
