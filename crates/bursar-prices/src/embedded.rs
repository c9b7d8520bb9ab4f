//! The price files that are built in.

use std::sync::{Arc, LazyLock};

use crate::book::PriceBook;

macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        const FILES: &[(&str, &str)] = &[$(($name, include_str!(concat!("../../../prices/", $name)))),+];
    };
}

files!(
    "alibaba.toml",
    "anthropic.toml",
    "azure.toml",
    "bedrock.toml",
    "cohere.toml",
    "deepseek.toml",
    "fireworks.toml",
    "gemini.toml",
    "groq.toml",
    "mistral.toml",
    "moonshot.toml",
    "openai.toml",
    "openrouter.toml",
    "perplexity.toml",
    "together.toml",
    "vertex.toml",
    "xai.toml",
    "limits/alibaba.toml",
    "limits/anthropic.toml",
    "limits/azure.toml",
    "limits/bedrock.toml",
    "limits/cohere.toml",
    "limits/deepseek.toml",
    "limits/fireworks.toml",
    "limits/gemini.toml",
    "limits/groq.toml",
    "limits/mistral.toml",
    "limits/moonshot.toml",
    "limits/openai.toml",
    "limits/perplexity.toml",
    "limits/together.toml",
    "limits/vertex.toml",
    "limits/xai.toml",
);

pub(crate) fn book() -> &'static Arc<PriceBook> {
    static BOOK: LazyLock<Arc<PriceBook>> = LazyLock::new(|| {
        let book = PriceBook::from_files(FILES.iter().copied());
        Arc::new(book.unwrap_or_else(|errors| panic!("the built-in price files are damaged: {errors}")))
    });
    &BOOK
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_files_can_be_read_and_hold_the_large_providers() {
        let rows = book().list.rows();
        for provider in ["openai", "anthropic", "gemini", "mistral", "deepseek", "xai", "bedrock"] {
            assert!(rows.iter().any(|r| r.provider == provider), "{provider}");
        }
        let limits = book().limits.of("openai", "gpt-4o");
        assert_eq!((limits.context_window, limits.max_output), (Some(128_000), Some(16_384)));
    }
}
