//! How much text and media a request carries, in sums.

/// What is sent beside text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Medium {
    /// A picture.
    Picture,
    /// A recording.
    Audio,
    /// A film.
    Video,
    /// A document, such as a PDF.
    Document,
}

impl Medium {
    /// Every medium.
    pub const ALL: [Medium; 4] = [Medium::Picture, Medium::Audio, Medium::Video, Medium::Document];

    /// The medium of a MIME type, where it is no text.
    #[must_use]
    pub fn of_mime(mime: &str) -> Option<Medium> {
        let mime = mime.trim();
        let starts = |with: &str| mime.get(..with.len()).is_some_and(|m| m.eq_ignore_ascii_case(with));
        match () {
            () if starts("image/") => Some(Medium::Picture),
            () if starts("audio/") => Some(Medium::Audio),
            () if starts("video/") => Some(Medium::Video),
            () if starts("text/") => None,
            () if mime.contains('/') => Some(Medium::Document),
            () => None,
        }
    }
}

/// Sums over a request. Texts are counted as they are meant, with JSON's escapes undone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Volume {
    /// ASCII characters of text.
    pub ascii: u64,
    /// Characters of text beyond ASCII.
    pub other: u64,
    /// Tokens given as numbers instead of text.
    pub token_ids: u64,
    /// Messages, contents or inputs.
    pub messages: u64,
    /// Tools and functions on offer.
    pub tools: u64,
    /// Bytes of text files that are sent along; they are in no sum of text.
    pub file_text: u64,
    /// Characters of thoughts and the like in a form that only the provider reads.
    pub opaque: u64,
    /// Words of JSON Schema in tools and answer formats; they are in no sum of text.
    pub schema_words: u64,
    /// Elements of the outermost arrays that are no numbers: messages, documents, texts to embed.
    pub items: u64,
    /// Places up to which the provider is asked to write its prompt cache.
    pub cache_marks: u64,
    /// How many of them ask for a cache that lives one hour.
    pub cache_hours: u64,
    /// Parts that the provider keeps and the request only names.
    pub references: u64,
    /// How many pieces of each medium, in the order of [`Medium::ALL`].
    pub pieces: [u64; 4],
    /// Their bytes, as far as they are sent along; a piece that is only named by an address has none.
    pub media_bytes: [u64; 4],
}

impl Volume {
    /// Adds a text.
    pub fn add_text(&mut self, text: &str) {
        let other = text.bytes().filter(|b| *b >= 0xC0).count() as u64;
        let beyond = text.bytes().filter(|b| *b >= 0x80).count() as u64;
        self.ascii = self.ascii.saturating_add(text.len() as u64 - beyond);
        self.other = self.other.saturating_add(other);
    }

    /// Adds a piece of a medium with its bytes, 0 where they are elsewhere.
    pub fn add_piece(&mut self, medium: Medium, bytes: u64) {
        let i = medium as usize;
        self.pieces[i] = self.pieces[i].saturating_add(1);
        self.media_bytes[i] = self.media_bytes[i].saturating_add(bytes);
    }

    /// Adds another volume.
    pub fn add(&mut self, more: &Volume) {
        for (mine, theirs) in [
            (&mut self.ascii, more.ascii),
            (&mut self.other, more.other),
            (&mut self.token_ids, more.token_ids),
            (&mut self.messages, more.messages),
            (&mut self.tools, more.tools),
            (&mut self.schema_words, more.schema_words),
            (&mut self.file_text, more.file_text),
            (&mut self.opaque, more.opaque),
            (&mut self.items, more.items),
            (&mut self.cache_marks, more.cache_marks),
            (&mut self.cache_hours, more.cache_hours),
            (&mut self.references, more.references),
        ] {
            *mine = mine.saturating_add(theirs);
        }
        for i in 0..Medium::ALL.len() {
            self.pieces[i] = self.pieces[i].saturating_add(more.pieces[i]);
            self.media_bytes[i] = self.media_bytes[i].saturating_add(more.media_bytes[i]);
        }
    }

    /// Characters of text.
    #[must_use]
    pub fn characters(&self) -> u64 {
        self.ascii.saturating_add(self.other)
    }

    /// How many pieces of a medium.
    #[must_use]
    pub fn pieces_of(&self, medium: Medium) -> u64 {
        self.pieces[medium as usize]
    }

    /// Whether it carries anything but text that can be read as it stands.
    #[must_use]
    pub fn has_media(&self) -> bool {
        self.pieces.iter().any(|&p| p > 0) || self.file_text > 0 || self.opaque > 0
    }
}
