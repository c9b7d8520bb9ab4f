# just --list

# Format, tidy, clippy, tests, SDK suites, cargo-deny
ci:
    .ci/run

# README's test command
test:
    cargo test --workspace

# Crate edges, sizes, names, floats, links
tidy:
    cargo xtask tidy

# Everything on this machine, no key needed
demo:
    cargo run --release -- demo

# bursar as it is released, optimised by the profile of a run: target/released/bursar
release:
    release/build

# What the gateway adds to a call, direct and through it in turns; as it is released, and as cargo builds it
bench-gateway: release
    cargo build --release -p bursar -p bursar-scripted
    target/release/bursar-load bench
    target/release/bursar-load bench --gateway target/released/bursar --max-added-p50-us 60 --max-added-p99-us 250 --max-resident-mib 60
    target/release/bursar-load streams --gateway target/released/bursar --max-resident-mib 60

# 100,000 calls, aborts, errors and three kills; both accounts compared
soak:
    cargo build --release -p bursar -p bursar-scripted
    target/release/bursar-load soak

# A million seeded schedules of the budgets' ledger, every invariant checked after every event
simulate schedules="1000000":
    cargo run --release -p bursar-core --example simulate_ledger -- {{schedules}}

# A thousand streams at once against budgets that cannot hold them all: overspend, false refusals, what stays held
storm:
    cargo build --release -p bursar -p bursar-scripted
    target/release/bursar-load storm --mode refuse
    target/release/bursar-load storm --mode clamp
    target/release/bursar-load storm --mode clamp --kills 2

# The same race for one key's budget through LiteLLM's proxy and through Bursar
race budget="0.01":
    bench/litellm/run {{budget}}

# Every fuzz target for five minutes
fuzz seconds="300":
    fuzz/run {{seconds}}

# How far plans are from the optimum (cmake, a C++ compiler and libclang for HiGHS), from the rule of thumb, and a week ahead
plans seconds="60":
    cargo run --release -p bursar-plan --features highs --example mix_against_highs -- {{seconds}}
    cargo run --release -p bursar-plan --example mix_baselines
    cargo run --release -p bursar-plan --example week_ahead
    cargo bench -p bursar-plan --bench mix
