//! The meter's copy of a response: unpacked where the provider compressed it, while the client gets the bytes as
//! they came.

use std::io::Write as _;

use bursar_core::{EndOfStream, MeteredUsage};
use bursar_wire::{RequestFacts, ResponseMeter};
use flate2::write::{MultiGzDecoder, ZlibDecoder};

/// Reads a response into its meter.
pub(crate) struct Tap {
    meter: ResponseMeter,
    packing: Packing,
}

enum Packing {
    None,
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
    Deflate(Box<ZlibDecoder<Vec<u8>>>),
    /// An encoding that is not read, or damage in one that is.
    Unreadable,
}

impl Tap {
    pub(crate) fn new(meter: ResponseMeter, encoding: Option<&str>) -> Tap {
        let encoding = encoding.map(|e| e.trim().to_ascii_lowercase());
        let packing = match encoding.as_deref().unwrap_or_default() {
            "" | "identity" => Packing::None,
            "gzip" | "x-gzip" => Packing::Gzip(Box::new(MultiGzDecoder::new(Vec::new()))),
            "deflate" => Packing::Deflate(Box::new(ZlibDecoder::new(Vec::new()))),
            _ => Packing::Unreadable,
        };
        Tap { meter, packing }
    }

    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        // In small pieces, so that what a piece unpacks to stays small whatever it was packed from.
        for piece in bytes.chunks(1024) {
            let unpacked = match &mut self.packing {
                Packing::None => {
                    self.meter.feed(bytes);
                    return;
                }
                Packing::Unreadable => return,
                Packing::Gzip(decoder) => decoder.write_all(piece).map(|()| decoder.get_mut()),
                Packing::Deflate(decoder) => decoder.write_all(piece).map(|()| decoder.get_mut()),
            };
            match unpacked {
                Ok(buffer) => {
                    self.meter.feed(buffer);
                    buffer.clear();
                }
                Err(_) => self.packing = Packing::Unreadable,
            }
        }
    }

    /// Whether the response has told its usage.
    pub(crate) fn reports_usage(&self) -> bool {
        self.meter.reports_usage()
    }

    /// See [`ResponseMeter::is_pending`].
    pub(crate) fn is_pending(&self) -> bool {
        self.meter.is_pending()
    }

    /// See [`ResponseMeter::finished_work`].
    pub(crate) fn finished_work(&self) -> Option<String> {
        self.meter.finished_work()
    }

    /// How the response ended, where its bytes came to this end.
    pub(crate) fn ending(&self, end: EndOfStream) -> EndOfStream {
        self.meter.ending(end)
    }

    pub(crate) fn seen(&self, facts: &RequestFacts) -> MeteredUsage {
        self.meter.seen(facts)
    }

    pub(crate) fn finish(mut self, end: EndOfStream, facts: &RequestFacts) -> MeteredUsage {
        match &mut self.packing {
            Packing::Gzip(decoder) => {
                let _ = decoder.try_finish();
                self.meter.feed(decoder.get_ref());
            }
            Packing::Deflate(decoder) => {
                let _ = decoder.try_finish();
                self.meter.feed(decoder.get_ref());
            }
            Packing::None | Packing::Unreadable => {}
        }
        self.meter.finish(end, facts)
    }
}
