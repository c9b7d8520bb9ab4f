//! How the lists name providers, and how Bursar does.

/// One provider's names.
#[derive(Clone, Copy, Debug)]
pub struct ProviderNames {
    /// Bursar's.
    pub name: &'static str,
    /// LiteLLM's `litellm_provider` values.
    pub litellm: &'static [&'static str],
    /// What stands before the model's name in LiteLLM's keys, slash included; empty for nothing.
    pub litellm_prefix: &'static str,
    /// models.dev's sections.
    pub models_dev: &'static [&'static str],
    /// Whether models that only LiteLLM prices are taken too: the providers' own models, where embeddings, speech
    /// and pictures are not in models.dev.
    pub single_source: bool,
}

const fn both(
    name: &'static str,
    litellm: &'static [&'static str],
    litellm_prefix: &'static str,
    models_dev: &'static [&'static str],
) -> ProviderNames {
    ProviderNames { name, litellm, litellm_prefix, models_dev, single_source: false }
}

/// Models of others that Vertex AI hosts as a service, by their makers.
const VERTEX_OPEN_MODELS: &[&str] = &[
    "vertex_ai-deepseek_models",
    "vertex_ai-llama_models",
    "vertex_ai-mistral_models",
    "vertex_ai-moonshot_models",
    "vertex_ai-openai_models",
    "vertex_ai-qwen_models",
    "vertex_ai-zai_models",
];

/// Every provider that is imported.
pub const PROVIDERS: &[ProviderNames] = &[
    ProviderNames {
        single_source: true,
        ..both("openai", &["openai", "text-completion-openai"], "", &["openai"])
    },
    ProviderNames { single_source: true, ..both("anthropic", &["anthropic"], "", &["anthropic"]) },
    ProviderNames { single_source: true, ..both("gemini", &["gemini"], "gemini/", &["google"]) },
    both(
        "vertex",
        &["vertex_ai-language-models", "vertex_ai-embedding-models", "vertex_ai-text-models"],
        "",
        &["google-vertex"],
    ),
    both("vertex", &["vertex_ai-anthropic_models"], "vertex_ai/", &["google-vertex-anthropic"]),
    both("vertex", VERTEX_OPEN_MODELS, "vertex_ai/", &["google-vertex"]),
    ProviderNames { single_source: true, ..both("mistral", &["mistral"], "mistral/", &["mistral"]) },
    ProviderNames { single_source: true, ..both("deepseek", &["deepseek"], "deepseek/", &["deepseek"]) },
    ProviderNames { single_source: true, ..both("xai", &["xai"], "xai/", &["xai"]) },
    ProviderNames { single_source: true, ..both("cohere", &["cohere", "cohere_chat"], "", &["cohere"]) },
    both("bedrock", &["bedrock", "bedrock_converse"], "", &["amazon-bedrock"]),
    both("azure", &["azure"], "azure/", &["azure"]),
    both("groq", &["groq"], "groq/", &["groq"]),
    both("together", &["together_ai"], "together_ai/", &["togetherai"]),
    both("fireworks", &["fireworks_ai"], "fireworks_ai/", &["fireworks-ai"]),
    both("openrouter", &["openrouter"], "openrouter/", &["openrouter"]),
    both("perplexity", &["perplexity"], "perplexity/", &["perplexity"]),
    both("moonshot", &["moonshot"], "moonshot/", &["moonshotai"]),
    both("alibaba", &["dashscope"], "dashscope/", &["alibaba"]),
];
