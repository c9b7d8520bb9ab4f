//! Any bytes as a usage file: no panic; what is read has streams of one length whose counts fit together; what is
//! refused says why.
//!
//! The first byte chooses what the caller takes for granted; the rest is the file.
#![no_main]

use bursar_plan::demand::{Class, MissingRows, UsageOptions, read_usage};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&how, file)) = data.split_first() else { return };
    let options = UsageOptions {
        class: (how & 1 != 0).then_some(Class::Batch),
        tenant: (how & 2 != 0).then(|| "all".to_owned()),
        step_seconds: (how & 4 != 0).then_some(3_600),
        missing_rows: [MissingRows::Refuse, MissingRows::ZeroWhereOthersAre, MissingRows::Zero][usize::from(how >> 3) % 3],
    };
    match read_usage("usage.csv", file, &options) {
        Ok(usage) => {
            let steps = usage.demand.steps();
            assert!(steps > 0 && usage.demand.totals().is_some());
            for stream in &usage.demand.streams {
                assert_eq!(stream.points.len(), steps);
                assert!(stream.points.iter().all(|p| p.cached_input <= p.input));
            }
            let points = (steps * usage.demand.streams.len()) as u64;
            assert_eq!(usage.rows + usage.filled, points);
        }
        Err(problems) => assert!(!problems.is_empty() && !problems.to_string().is_empty()),
    }
});
