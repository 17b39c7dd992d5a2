//! Finds the cgroup view that a runtime accepts, by trying.

use super::run::{Options, judge};
use super::scratch::Scratch;
use crate::case::Case;
use crate::drive::{Runtime, View};
use crate::trial::Assert;
use crate::verdict::{Check, Verdict};

/// Gives the runtime a view of the cgroup hierarchies in which it creates containers, if it creates
/// none in the machine's own. Returns the runtime, and what is different in its view.
pub fn fit_view(
    runtime: Runtime,
    options: &Options,
    scratch: &Scratch,
) -> Check<(Runtime, Option<&'static str>)> {
    let trial = Case::new("engine/view/creates", "engine").run(|t| t.must(t.create()));
    let options = Options {
        keep: None,
        ..options.clone()
    };
    if matches!(
        judge(&trial, &runtime, &options, scratch).verdict,
        Verdict::Pass
    ) {
        return Ok((runtime, None));
    }
    // Without the right to make one (an ordinary user) there is only the machine's own.
    let Ok(Some(view)) = View::pure_v1() else {
        return Ok((runtime, None));
    };
    let difference = view.difference;
    let viewing = runtime.clone().viewing(view);
    let verdict = std::sync::Mutex::new(None);
    super::run::parallel(1, &viewing, &[()], &|()| {
        let judged = judge(&trial, &viewing, &options, scratch);
        *verdict
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(judged.verdict);
    })?;
    let verdict = verdict
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    // Where it works in neither, the machine's own is the honest place to fail in.
    Ok(if matches!(verdict, Some(Verdict::Pass)) {
        (viewing, Some(difference))
    } else {
        (runtime, None)
    })
}
