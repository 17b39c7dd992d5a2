//! Criterion benches of parse, validate, plan, seccomp compile and state; see `benches/`.
