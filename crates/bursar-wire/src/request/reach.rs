//! What a request may cause beside what it carries: calls of the provider's own tools, what the provider keeps of
//! earlier calls, answers that are thrown away.

use serde::Deserialize;
use serde::de::{DeserializeSeed as _, Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::scalar::{Picking, Scalar};

/// How many searches of the web a request allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Searches {
    /// None.
    #[default]
    None,
    /// At most so many.
    AtMost(u64),
    /// As many as the provider likes.
    Unsaid,
}

/// What a request may cause beside what it carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Whether the provider adds what it keeps: an earlier response, a conversation, a stored prompt, a container.
    pub remembers: bool,
    /// Whether tools run at the provider, so that one call reads its context several times.
    pub server_tools: bool,
    /// The most calls of such tools, where the request says it.
    pub most_tool_calls: Option<u64>,
    /// Tools that the provider describes to the model in its own words.
    pub built_in_tools: u64,
    /// Searches of the web.
    pub searches: Searches,
    /// What is billed at the price of another model, where the request asks for such a thing.
    pub billed_elsewhere: Option<&'static str>,
    /// Whether the request predicts its answer; what is predicted wrongly is billed as output.
    pub predicts: bool,
    /// How many answers are produced of which the best are kept (`best_of`).
    pub best_of: Option<u64>,
    /// Tokens that thinking may use; the output limit has to be larger.
    pub thinking_budget: Option<u64>,
}

const KEPT: [&str; 6] = [
    "previous_response_id",
    "conversation",
    "container",
    "cachedContent",
    "cached_content",
    "previous_interaction_id",
];

impl Reach {
    /// Whether the key is one that [`Reach::take`] takes.
    pub(super) fn is_key(key: &str) -> bool {
        KEPT.contains(&key)
            || matches!(
                key,
                "max_tool_calls"
                    | "best_of"
                    | "num_generations"
                    | "thinking"
                    | "reasoning"
                    | "models"
                    | "additionalModelRequestFields"
                    | "prediction"
                    | "web_search_options"
                    | "search_parameters"
                    | "connectors"
                    | "plugins"
                    | "mcp_servers"
            )
    }

    /// Takes a field of the body.
    pub(super) fn take(&mut self, key: &str, raw: &RawValue) {
        let text = raw.get();
        if text == "null" {
            return;
        }
        match key {
            "max_tool_calls" => self.most_tool_calls = text.parse().ok(),
            "best_of" | "num_generations" => self.best_of = text.parse().ok(),
            "thinking" => self.thinking_budget = budget_of(text),
            "additionalModelRequestFields" => {
                let fields = serde_json::from_str::<ModelFields<'_>>(text).ok();
                self.thinking_budget = fields.and_then(|f| budget_of(f.thinking?.get()));
            }
            "prediction" => self.predicts = true,
            // Several runs over the same context, of which one answers.
            "reasoning" => self.server_tools |= is_more_than_one_run(text),
            "models" if text != "[]" => self.billed_elsewhere = Some("models that a router may fall back to"),
            "models" => {}
            // These models search once for each call.
            "web_search_options" => self.search(Some(1)),
            "search_parameters" => self.billed_elsewhere = Some("live search"),
            "connectors" | "plugins" | "mcp_servers" => self.server_tools |= text != "[]",
            _ => self.remembers = true,
        }
    }

    /// What the model's name alone says: systems of models that search and read by themselves, and routers.
    pub(super) fn take_model(&mut self, model: &str) {
        self.server_tools |=
            model.contains("compound") || model.contains("deep-research") || model.ends_with(":online");
        if model == "openrouter/auto" {
            self.billed_elsewhere = Some("models that a router chooses");
        }
    }

    /// Takes the tools.
    pub(super) fn take_tools(&mut self, raw: &RawValue) {
        let mut json = serde_json::Deserializer::from_str(raw.get());
        // What is no array of objects names no tool of the provider.
        let _ = json.deserialize_seq(ToolsVisitor(self));
    }

    /// How many searches one more tool allows, added to those before.
    fn search(&mut self, most: Option<u64>) {
        self.searches = match (self.searches, most) {
            (Searches::None, Some(most)) => Searches::AtMost(most),
            (Searches::AtMost(before), Some(most)) => Searches::AtMost(before.saturating_add(most)),
            _ => Searches::Unsaid,
        };
    }

    fn take_tool(&mut self, tool: &Scalar<'_>) {
        let most = match tool.get("max_uses") {
            Some(Scalar::Natural(most)) => Some(*most),
            _ => None,
        };
        let google = GOOGLE.iter().any(|key| tool.get(key).is_some());
        let kind = match tool.get("type") {
            Some(Scalar::Text(kind)) => kind.as_ref(),
            _ => "",
        };
        if kind == "image_generation" {
            self.billed_elsewhere = Some("pictures that another model draws");
        }
        let is_search = kind.starts_with("web_search") || kind.starts_with("openrouter:web_search");
        if is_search {
            self.search(most);
        }
        let is_clients = CLIENTS.iter().any(|client| kind.starts_with(client));
        self.built_in_tools += u64::from(!kind.is_empty() && !matches!(kind, "function" | "custom"));
        self.server_tools |= google || is_search || !(kind.is_empty() || is_clients);
    }
}

/// Tools that the caller runs.
const CLIENTS: [&str; 9] = [
    "function",
    "custom",
    "computer",
    "bash",
    "text_editor",
    "memory",
    "local_shell",
    "shell",
    "apply_patch",
];

/// Gemini names its tools by keys.
const GOOGLE: [&str; 10] = [
    "googleSearch",
    "google_search",
    "googleSearchRetrieval",
    "google_search_retrieval",
    "urlContext",
    "url_context",
    "codeExecution",
    "code_execution",
    "googleMaps",
    "fileSearch",
];

const TOOL_KEYS: &[&str] = &[
    "type",
    "max_uses",
    "googleSearch",
    "google_search",
    "googleSearchRetrieval",
    "google_search_retrieval",
    "urlContext",
    "url_context",
    "codeExecution",
    "code_execution",
    "googleMaps",
    "fileSearch",
];

struct ToolsVisitor<'r>(&'r mut Reach);

impl<'de> Visitor<'de> for ToolsVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("tools")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(tool) = seq.next_element_seed(Picking(TOOL_KEYS))? {
            self.0.take_tool(&tool);
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct ModelFields<'a> {
    #[serde(borrow)]
    thinking: Option<&'a RawValue>,
}

/// Whether OpenAI's `reasoning.mode` asks for more than the usual single run.
fn is_more_than_one_run(reasoning: &str) -> bool {
    let mut json = serde_json::Deserializer::from_str(reasoning);
    let Ok(reasoning) = Picking(&["mode"]).deserialize(&mut json) else { return false };
    matches!(reasoning.get("mode"), Some(Scalar::Text(mode)) if mode != "standard")
}

/// `budget_tokens` of a thinking configuration that is not switched off.
fn budget_of(thinking: &str) -> Option<u64> {
    let mut json = serde_json::Deserializer::from_str(thinking);
    let thinking = Picking(&["type", "budget_tokens"]).deserialize(&mut json).ok()?;
    match (thinking.get("type"), thinking.get("budget_tokens")) {
        (Some(Scalar::Text(kind)), _) if kind == "disabled" => None,
        (_, Some(Scalar::Natural(budget))) => Some(*budget),
        _ => None,
    }
}
