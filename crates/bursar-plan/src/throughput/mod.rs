//! How much of a demand one node carries within its latency limits, fitted from measurements.
