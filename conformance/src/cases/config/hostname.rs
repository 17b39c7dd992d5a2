//! config.md#hostname.

use crate::cases::prelude::*;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("config/hostname/seen_inside", "config.hostname.set")
            .bundle(|b| b.hostname("conf-7"))
            .run(|t| {
                let agent = t.agent()?;
                t.eq("nodename", &agent.report.uname.nodename, "conf-7")
            })
            .saboteurs([drops("/hostname"), alters("/hostname", "other")]),
        Case::new("config/domainname/seen_inside", "config.domainname.set")
            .bundle(|b| b.set("/domainname", "conf.example"))
            .run(|t| {
                let agent = t.agent()?;
                t.eq("domainname", &agent.report.uname.domainname, "conf.example")
            })
            .saboteurs([drops("/domainname"), alters("/domainname", "other")]),
    ]
}
