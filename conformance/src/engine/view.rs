//! Finds the cgroup view that a runtime accepts, by trying.

use std::sync::atomic::{AtomicBool, Ordering};

use super::run::{Options, judge};
use super::scratch::Scratch;
use crate::case::Case;
use crate::drive::{Runtime, View};
use crate::trial::Assert;
use crate::verdict::{Check, Verdict};

/// A runtime as it is best called on this machine.
pub struct Fit {
    /// The runtime, in the view that it accepts.
    pub runtime: Runtime,
    /// What is different in its view, if it has one.
    pub view: Option<&'static str>,
    /// It makes the simplest container.
    pub creates: bool,
}

/// Gives the runtime a view of the cgroup hierarchies in which it creates containers, if it creates
/// none in the machine's own.
pub fn fit_view(runtime: Runtime, options: &Options, scratch: &Scratch) -> Check<Fit> {
    if creates(&runtime, options, scratch)? {
        return Ok(Fit {
            runtime,
            view: None,
            creates: true,
        });
    }
    // Where it works in neither, the machine's own is the honest place to fail in.
    let failing = |runtime| Fit {
        runtime,
        view: None,
        creates: false,
    };
    // Without the right to make one (an ordinary user) there is only the machine's own.
    let Ok(Some(view)) = View::pure_v1() else {
        return Ok(failing(runtime));
    };
    let difference = view.difference;
    let viewing = runtime.clone().viewing(view);
    Ok(if creates(&viewing, options, scratch)? {
        Fit {
            runtime: viewing,
            view: Some(difference),
            creates: true,
        }
    } else {
        failing(runtime)
    })
}

/// Whether the runtime makes the simplest container, in its view.
fn creates(runtime: &Runtime, options: &Options, scratch: &Scratch) -> Check<bool> {
    let trial = Case::new("engine/view/creates", "engine").run(|t| t.must(t.create()));
    let options = Options {
        jobs: 1,
        keep: None,
        ..options.clone()
    };
    let passed = AtomicBool::new(false);
    super::run::parallel(&options, runtime, &[()], &|()| {
        let judged = judge(&trial, runtime, &options, scratch)?;
        passed.store(judged.verdict == Verdict::Pass, Ordering::Relaxed);
        Ok(())
    })?;
    Ok(passed.into_inner())
}
