//! What a runtime finds around it that is the runner's own.

use crate::plimsoll;

#[test]
fn a_runtime_is_not_told_of_the_runners_service_manager() {
    let odd = "#!/bin/sh\necho \"told:$NOTIFY_SOCKET$LISTEN_FDS$LISTEN_PID\" >>\"${0%/*}/told\"\nexit 1\n";
    let told = plimsoll("run --runtime ./odd config/hostname/seen_inside")
        .executable("odd", odd)
        .env("NOTIFY_SOCKET", "/nowhere")
        .env("LISTEN_FDS", "1")
        .env("LISTEN_PID", "1")
        .run()
        .wrote("told");
    assert!(told.lines().all(|line| line == "told:"), "{told}");
}
