//! Disjoint meters, and the quantities counted on them.

use std::fmt;
use std::str::FromStr;

macro_rules! meters {
    ($($(#[$doc:meta])* $variant:ident = $name:literal),+ $(,)?) => {
        /// What is counted. The meters are disjoint: a token, image or second is on exactly one of them, so that
        /// a cost is a plain sum of lines.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Meter { $($(#[$doc])* $variant),+ }

        impl Meter {
            /// Every meter, in the order of statements.
            pub const ALL: &[Meter] = &[$(Meter::$variant),+];

            /// The name in price files, the API and reports.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Meter::$variant => $name),+ }
            }
        }
    };
}

meters! {
    /// Text tokens sent and neither read from nor written to a cache.
    Input = "input",
    /// Text tokens read from a provider's prompt cache.
    CacheRead = "cache_read",
    /// Tokens written to a prompt cache that lives five minutes, or the provider's only cache lifetime.
    CacheWrite5m = "cache_write_5m",
    /// Tokens written to a prompt cache that lives one hour.
    CacheWrite1h = "cache_write_1h",
    /// Text tokens produced, without reasoning.
    Output = "output",
    /// Tokens spent on reasoning ("thinking").
    Reasoning = "reasoning",
    /// Audio tokens sent.
    AudioIn = "audio_in",
    /// Audio tokens read from a prompt cache.
    AudioCacheRead = "audio_cache_read",
    /// Audio tokens produced.
    AudioOut = "audio_out",
    /// Image tokens sent.
    ImageIn = "image_in",
    /// Image tokens read from a prompt cache.
    ImageCacheRead = "image_cache_read",
    /// Image tokens produced.
    ImageOut = "image_out",
    /// Video tokens sent.
    VideoIn = "video_in",
    /// Document tokens sent, where a provider counts them apart from text.
    DocumentIn = "document_in",
    /// Calls, where a call itself has a price.
    Requests = "requests",
    /// Searches of the web made by the provider.
    WebSearches = "web_searches",
    /// Units of a provider's search or rerank product.
    SearchUnits = "search_units",
    /// Pictures produced, where the price is per picture.
    Images = "images",
    /// Seconds of audio taken in or given out, where the price is per second; part seconds are rounded up.
    AudioSeconds = "audio_seconds",
    /// Seconds of video produced, rounded up.
    VideoSeconds = "video_seconds",
    /// Characters taken in, where the price is per character (speech synthesis).
    Characters = "characters",
    /// Pages read by a document product.
    Pages = "pages",
}

impl Meter {
    /// How many meters there are.
    pub const COUNT: usize = Meter::ALL.len();

    /// Meters whose sum is the context that a price band is chosen by: everything sent, cached or not.
    pub const CONTEXT: &[Meter] = &[
        Meter::Input,
        Meter::CacheRead,
        Meter::CacheWrite5m,
        Meter::CacheWrite1h,
        Meter::AudioIn,
        Meter::AudioCacheRead,
        Meter::ImageIn,
        Meter::ImageCacheRead,
        Meter::VideoIn,
        Meter::DocumentIn,
    ];

    /// The meter whose price this one takes when a row gives it none. These are the providers' published rules
    /// (reasoning is billed as output; pictures, video and documents sent as tokens are billed as input); there
    /// is no other fallback.
    #[must_use]
    pub const fn priced_as(self) -> Option<Meter> {
        match self {
            Meter::Reasoning => Some(Meter::Output),
            Meter::ImageIn | Meter::VideoIn | Meter::DocumentIn => Some(Meter::Input),
            Meter::ImageCacheRead => Some(Meter::CacheRead),
            _ => None,
        }
    }

    /// Whether the meter counts a model's tokens.
    #[must_use]
    pub const fn is_tokens(self) -> bool {
        (self as u8) < (Meter::Requests as u8)
    }
}

impl fmt::Display for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that is no meter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no meter {0:?}; the meters are input, cache_read, cache_write_5m, cache_write_1h, output, …"
)]
pub struct UnknownMeter(pub String);

impl FromStr for Meter {
    type Err = UnknownMeter;

    fn from_str(name: &str) -> Result<Meter, UnknownMeter> {
        Meter::ALL.iter().copied().find(|m| m.name() == name).ok_or_else(|| UnknownMeter(name.to_owned()))
    }
}

/// How a quantity is known, from best to worst.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Provenance {
    /// The provider said so.
    #[default]
    Reported,
    /// Bursar counted it with the model's own tokenizer, or counted bytes and pictures themselves.
    Counted,
    /// Bursar estimated it; it may be off.
    Estimated,
}

impl Provenance {
    /// The name in the API and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Provenance::Reported => "reported",
            Provenance::Counted => "counted",
            Provenance::Estimated => "estimated",
        }
    }

    /// The provenance of a name, where there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Provenance> {
        [Provenance::Reported, Provenance::Counted, Provenance::Estimated]
            .into_iter()
            .find(|p| p.name() == name)
    }
}

/// Units on each meter. A meter that was not seen holds zero units; that a whole response carried no usage is
/// not told here but by [`crate::UsageException`].
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Quantities {
    units: [u64; Meter::COUNT],
    provenance: [Provenance; Meter::COUNT],
}

impl Default for Quantities {
    fn default() -> Self {
        Quantities { units: [0; Meter::COUNT], provenance: [Provenance::Reported; Meter::COUNT] }
    }
}

impl Quantities {
    /// Nothing on any meter.
    #[must_use]
    pub fn none() -> Quantities {
        Quantities::default()
    }

    /// Units on one meter.
    #[must_use]
    pub const fn get(&self, meter: Meter) -> u64 {
        self.units[meter as usize]
    }

    /// How the units on one meter are known.
    #[must_use]
    pub const fn provenance(&self, meter: Meter) -> Provenance {
        self.provenance[meter as usize]
    }

    /// Sets one meter.
    pub fn set(&mut self, meter: Meter, units: u64, provenance: Provenance) {
        self.units[meter as usize] = units;
        self.provenance[meter as usize] = provenance;
    }

    /// The same quantities with one meter set.
    #[must_use]
    pub fn with(mut self, meter: Meter, units: u64, provenance: Provenance) -> Quantities {
        self.set(meter, units, provenance);
        self
    }

    /// Adds units to one meter, saturating; the worse provenance stays.
    pub fn add(&mut self, meter: Meter, units: u64, provenance: Provenance) {
        let i = meter as usize;
        if units > 0 {
            let worse = if self.units[i] == 0 { provenance } else { self.provenance[i].max(provenance) };
            self.set(meter, self.units[i].saturating_add(units), worse);
        }
    }

    /// The meters with units on them, in the order of statements.
    pub fn iter(&self) -> impl Iterator<Item = (Meter, u64, Provenance)> + '_ {
        Meter::ALL.iter().map(|&m| (m, self.get(m), self.provenance(m))).filter(|&(_, units, _)| units > 0)
    }

    /// Whether every meter is at zero.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.units.iter().all(|&u| u == 0)
    }

    /// Tokens of context sent, by which long-context price bands are chosen.
    #[must_use]
    pub fn context_tokens(&self) -> u64 {
        Meter::CONTEXT.iter().fold(0, |sum, &m| sum.saturating_add(self.get(m)))
    }

    /// Tokens on all token meters together.
    #[must_use]
    pub fn total_tokens(&self) -> u64 {
        self.iter().filter(|(m, ..)| m.is_tokens()).fold(0, |sum, (_, units, _)| sum.saturating_add(units))
    }

    /// The worst provenance of any meter with units on it.
    #[must_use]
    pub fn worst_provenance(&self) -> Provenance {
        self.iter().map(|(.., p)| p).max().unwrap_or_default()
    }
}

impl fmt::Debug for Quantities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(m, units, p)| (m.name(), (units, p)))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_meter_is_found_again_by_its_name() {
        for &meter in Meter::ALL {
            assert_eq!(meter.name().parse(), Ok(meter));
        }
        assert!("tokens".parse::<Meter>().is_err());
    }

    #[test]
    fn adding_an_estimate_to_a_reported_count_leaves_an_estimate() {
        let mut q = Quantities::none();
        q.add(Meter::Output, 10, Provenance::Reported);
        q.add(Meter::Output, 5, Provenance::Estimated);
        q.add(Meter::Input, 3, Provenance::Counted);
        assert_eq!((q.get(Meter::Output), q.provenance(Meter::Output)), (15, Provenance::Estimated));
        assert_eq!((q.context_tokens(), q.total_tokens()), (3, 18));
        assert_eq!(q.worst_provenance(), Provenance::Estimated);
    }

    #[test]
    fn only_token_meters_count_as_tokens() {
        assert!(Meter::DocumentIn.is_tokens());
        assert!(!Meter::Requests.is_tokens());
        assert!(!Meter::Pages.is_tokens());
    }
}
