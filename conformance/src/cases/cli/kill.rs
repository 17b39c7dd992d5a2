//! `kill` as engines call it.

use crate::cases::prelude::*;

const TERM: i32 = 15;
const HUP: i32 = 1;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("cli/kill/sends_term_by_default", "cli.kill.default-term")
            .run(|t| {
                let agent = t.agent()?;
                agent.get(|p| p.trap(&[TERM, HUP]))?;
                let outcome = t.runtime(["kill", t.id()])?;
                t.succeeds(&outcome)?;
                t.eq("the signal that arrived", agent.signal()?, TERM)
            })
            .saboteurs([
                lies("kill", How::Instead(&["kill", "{id}", "HUP"])),
                lies("kill", How::Skip),
            ]),
        Case::new("cli/kill/term_and_kill", "cli.kill.term-kill-supported")
            .run(|t| {
                let agent = t.agent()?;
                agent.get(|p| p.trap(&[TERM]))?;
                t.must(t.kill("TERM"))?;
                let arrived = agent.signal()?;
                t.eq("the signal that arrived", arrived, TERM)?;
                t.must(t.kill("KILL"))?;
                t.eq(
                    "the end of the program",
                    t.must(t.wait())?.to_string(),
                    "killed by signal 9",
                )
            })
            .saboteurs([
                lies("kill", How::Argument("TERM", "CONT")),
                lies("kill", How::Argument("KILL", "TERM")),
            ]),
        Case::new(
            "cli/kill/success_means_sent",
            "cli.kill.success-is-delivery-only",
        )
        .run(|t| {
            let agent = t.agent()?;
            // Blocked, it is sent but not handled.
            agent.get(|p| p.trap(&[TERM]))?;
            t.succeeds(&t.try_kill("TERM")?)?;
            t.eq("the status", t.state()?.status, "running")?;
            t.eq(
                "asking the program",
                t.must(agent.attempt(|p| p.stat("/")))?,
                "OK",
            )
        })
        .saboteurs([
            lies("kill", How::Refuse),
            lies("kill", How::Then(&["kill", "{id}", "KILL"])),
        ]),
        unknown_signals_refused(),
        names_and_numbers(),
        either_form(),
    ]
}

fn unknown_signals_refused() -> Case {
    Case::new(
        "cli/kill/unknown_signals_refused",
        "cli.kill.unknown-signal-errors",
    )
    .run(|t| {
        let agent = t.agent()?;
        for signal in ["FOO", "SIGNOTHING", "999", "-1"] {
            t.errors(&t.try_kill(signal)?)?;
        }
        t.eq(
            "asking the program",
            t.must(agent.attempt(|p| p.stat("/")))?,
            "OK",
        )
    })
    .saboteurs([
        lies("kill", How::Exit(0)),
        wraps(
            "kill: end the container where a signal is unknown",
            |call, next| {
                let outcome = next(call)?;
                if call.operation() == "kill" && !outcome.ok() {
                    next(&call.aside(["kill", call.id(), "KILL"]))?;
                }
                Ok(outcome)
            },
        ),
    ])
}

/// Forms of one signal's name, and its number.
const FORMS: &[(&str, i32)] = &[
    ("HUP", 1),
    ("SIGHUP", 1),
    ("1", 1),
    ("USR1", 10),
    ("SIGWINCH", 28),
    ("34", 34),
];

fn names_and_numbers() -> Case {
    const MORE: &str = "cli.kill.more-signals";
    const POSIX: &str = "cli.kill.posix-signals";
    Case::new("cli/kill/names_and_numbers_are_the_kernels", [POSIX, MORE])
        .run(|t| {
            let agent = t.agent()?;
            let numbers: Vec<i32> = FORMS.iter().map(|form| form.1).collect();
            agent.get(|p| p.trap(&numbers))?;
            for &(form, number) in FORMS {
                let outcome = t.try_kill(form)?;
                // Signals beside TERM and KILL may be missing, but not be others.
                if outcome.ok() {
                    let arrived = agent.signal()?;
                    t.on_all()
                        .eq(&format!("what arrives of {form}"), arrived, number)?;
                }
            }
            let stray = agent.ask(|p| p.wait_signal(0))?.ok();
            t.on_all().eq("what arrives besides", stray, Value::Null)
        })
        .saboteurs([
            lies("kill", How::Argument("SIGHUP", "USR1")).on([POSIX, MORE]),
            lies("kill", How::Argument("34", "10")).on([POSIX, MORE]),
            lies("kill", How::Twice).on([POSIX, MORE]),
        ])
}

fn either_form() -> Case {
    Case::new(
        "cli/kill/takes_a_signal_in_one_form",
        "cli.kill.signal-option",
    )
    .run(|t| {
        let agent = t.agent()?;
        agent.get(|p| p.trap(&[TERM, HUP]))?;
        // The draft's option, or the argument that engines use.
        let option = t.runtime(["kill", "--signal", "HUP", t.id()])?;
        if !option.ok() {
            t.succeeds(&t.try_kill("HUP")?)?;
        }
        let arrived = agent.signal()?;
        t.eq("the signal that arrived", arrived, HUP)
    })
    .saboteurs([
        lies("kill", How::Argument("HUP", "TERM")),
        lies("kill", How::Refuse),
    ])
}
