//! How many tokens media can have.

use bursar_core::Meter;

use crate::request::{Medium, RequestView};
use crate::tokens::Family;

/// The most tokens of each medium; `None` where only the context window bounds them.
pub(super) fn bounds(view: &RequestView) -> Option<Vec<(Meter, u64)>> {
    let volume = &view.volume;
    let mut bounds = Vec::new();
    for medium in Medium::ALL {
        let (pieces, bytes) = (volume.pieces[medium as usize], volume.media_bytes[medium as usize]);
        if pieces == 0 {
            continue;
        }
        let tokens = match medium {
            Medium::Picture => picture(view.model.as_deref())?.saturating_mul(pieces),
            // 32 tokens a second at the most, and no format has so few bytes in one. Only what is sent along has bytes.
            Medium::Audio if bytes > 0 && pieces == 1 => bytes,
            // A page or a second of film may be packed into any number of bytes.
            Medium::Audio | Medium::Video | Medium::Document => return None,
        };
        let meter = if medium == Medium::Picture { Meter::ImageIn } else { Meter::AudioIn };
        bounds.push((meter, tokens));
    }
    Some(bounds)
}

/// The most tokens of one picture, whatever its size, where the provider scales large ones down.
fn picture(model: Option<&str>) -> Option<u64> {
    match model.map_or(Family::Other, Family::of) {
        // Eight tiles of 5,667 tokens and 2,833 for the whole: gpt-4o-mini, the largest that OpenAI documents.
        Family::O200k | Family::Cl100k => Some(48_169),
        // 4,784 tokens for models with high resolution; 1,600 for the others.
        Family::Claude => Some(4_784),
        _ => None,
    }
}
