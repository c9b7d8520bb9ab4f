//! Writes the public vocabularies in the form that `tokens::vocabulary` reads: for each token in the order of its
//! rank one byte with its length and then its bytes.
//!
//! `cargo run -p bursar-wire --example vocabularies`
#![expect(clippy::print_stdout, reason = "it is a command")]

use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vocabularies");
    for (name, encoding, tokens) in [
        ("o200k_base", tiktoken_rs::o200k_base()?, 199_998),
        ("cl100k_base", tiktoken_rs::cl100k_base()?, 100_256),
    ] {
        let mut bytes = Vec::new();
        for rank in 0..tokens {
            let token = encoding.decode_bytes(&[rank])?;
            bytes.push(u8::try_from(token.len())?);
            bytes.extend_from_slice(&token);
        }
        let path = folder.join(format!("{name}.bin"));
        std::fs::write(&path, &bytes)?;
        println!("{}: {tokens} tokens, {} bytes", path.display(), bytes.len());
    }
    Ok(())
}
