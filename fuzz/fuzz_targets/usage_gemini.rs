//! Any answer of Gemini's generateContent, in any split.
#![no_main]

use bursar_fuzz::usage_is_the_same_for_every_split;
use bursar_wire::{Surface, Vendor};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| usage_is_the_same_for_every_split(Surface::GeminiGenerate, Vendor::Gemini, data));
