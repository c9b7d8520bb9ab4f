//! The paths that the sieve looks for, as a tree.

use std::sync::LazyLock;

/// A node of the tree.
pub(super) type NodeId = u16;
/// The document itself.
pub(super) const ROOT: NodeId = 0;
/// In an object, where a key is expected.
pub(super) const NOWHERE: NodeId = u16::MAX;
/// A place that nothing is looked for under.
pub(super) const IGNORED: NodeId = u16::MAX - 1;

macro_rules! fields {
    ($($(#[$doc:meta])* $variant:ident),+ $(,)?) => {
        /// What a value is, wherever it stood.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Field { $($(#[$doc])* $variant),+ }

        impl Field {
            /// How many fields there are.
            pub const COUNT: usize = [$(Field::$variant),+].len();
        }
    };
}

fields! {
    /// The usage object of a final answer or event.
    Usage,
    /// The usage object of Anthropic's `message_start`.
    MessageUsage,
    /// The usage object under Groq's `x_groq`.
    GroqUsage,
    /// Gemini's `usageMetadata`.
    UsageMetadata,
    /// Cohere's `meta`.
    Meta,
    /// OpenAI's `tool_usage`.
    ToolUsage,
    /// Groq's `usage_breakdown`.
    UsageBreakdown,
    /// Bedrock's `amazon-bedrock-invocationMetrics`.
    InvocationMetrics,
    /// Titan's `inputTextTokenCount`.
    TitanInput,
    /// Titan's `results[].tokenCount` or `totalOutputTextTokenCount`.
    TitanOutput,
    /// Llama's `prompt_token_count` on Bedrock.
    LlamaInput,
    /// Llama's `generation_token_count` on Bedrock.
    LlamaOutput,
    /// Vertex's `predictions[].embeddings.statistics.token_count`, to be added up.
    PredictionTokens,
    /// The length of a recording in seconds.
    Duration,
    /// A picture that was produced.
    Picture,
    /// The model that served.
    Model,
    /// The response's id.
    ResponseId,
    /// The service tier that served.
    Tier,
    /// Why generation stopped.
    Finish,
    /// The state of a response that is produced in the background.
    Status,
    /// Whether a response is produced in the background.
    Background,
    /// An error inside an answer whose HTTP status is a success.
    Error,
    /// Text that was produced.
    Text,
    /// Reasoning that was produced as text.
    ReasoningText,
}

/// Which set of paths to look for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// Every dialect but Cohere's.
    Usual,
    /// Cohere's, whose first version streams its text at the root.
    Cohere,
}

impl Watch {
    pub(super) fn tree(self) -> &'static WatchTree {
        static USUAL: LazyLock<WatchTree> = LazyLock::new(|| WatchTree::of(&[VALUES, TEXTS]));
        static COHERE: LazyLock<WatchTree> = LazyLock::new(|| WatchTree::of(&[VALUES, TEXTS, COHERE_TEXTS]));
        match self {
            Watch::Usual => &USUAL,
            Watch::Cohere => &COHERE,
        }
    }
}

/// Values, by path. `[]` stands for every item of an array; an array at the root is seen through.
const VALUES: &[(&str, Field)] = &[
    ("usage", Field::Usage),
    ("response.usage", Field::Usage),
    ("interaction.usage", Field::Usage),
    ("metadata.usage", Field::Usage),
    ("delta.usage", Field::Usage),
    ("message.usage", Field::MessageUsage),
    ("x_groq.usage", Field::GroqUsage),
    ("usageMetadata", Field::UsageMetadata),
    ("response.usageMetadata", Field::UsageMetadata),
    ("meta", Field::Meta),
    ("response.meta", Field::Meta),
    ("tool_usage", Field::ToolUsage),
    ("response.tool_usage", Field::ToolUsage),
    ("usage_breakdown", Field::UsageBreakdown),
    ("amazon-bedrock-invocationMetrics", Field::InvocationMetrics),
    ("inputTextTokenCount", Field::TitanInput),
    ("results[].tokenCount", Field::TitanOutput),
    ("totalOutputTextTokenCount", Field::TitanOutput),
    ("prompt_token_count", Field::LlamaInput),
    ("generation_token_count", Field::LlamaOutput),
    ("predictions[].embeddings.statistics.token_count", Field::PredictionTokens),
    ("duration", Field::Duration),
    ("data[].url", Field::Picture),
    ("data[].b64_json", Field::Picture),
    ("model", Field::Model),
    ("message.model", Field::Model),
    ("response.model", Field::Model),
    ("interaction.model", Field::Model),
    ("modelVersion", Field::Model),
    ("id", Field::ResponseId),
    ("message.id", Field::ResponseId),
    ("response.id", Field::ResponseId),
    ("interaction.id", Field::ResponseId),
    ("responseId", Field::ResponseId),
    ("generation_id", Field::ResponseId),
    ("service_tier", Field::Tier),
    ("response.service_tier", Field::Tier),
    ("interaction.service_tier", Field::Tier),
    ("serviceTier", Field::Tier),
    ("choices[].finish_reason", Field::Finish),
    ("stop_reason", Field::Finish),
    ("delta.stop_reason", Field::Finish),
    ("delta.finish_reason", Field::Finish),
    ("candidates[].finishReason", Field::Finish),
    ("stopReason", Field::Finish),
    ("messageStop.stopReason", Field::Finish),
    ("finish_reason", Field::Finish),
    ("status", Field::Status),
    ("response.status", Field::Status),
    ("interaction.status", Field::Status),
    ("background", Field::Background),
    ("response.background", Field::Background),
    ("error", Field::Error),
    ("response.error", Field::Error),
];

/// Texts, by path: what is counted when nothing is reported.
const TEXTS: &[(&str, Field)] = &[
    ("choices[].delta.content", Field::Text),
    ("choices[].delta.refusal", Field::Text),
    ("choices[].delta.tool_calls[].function.name", Field::Text),
    ("choices[].delta.tool_calls[].function.arguments", Field::Text),
    ("choices[].delta.function_call.arguments", Field::Text),
    ("choices[].delta.reasoning_content", Field::ReasoningText),
    ("choices[].delta.reasoning", Field::ReasoningText),
    ("choices[].text", Field::Text),
    ("choices[].message.content", Field::Text),
    ("choices[].message.tool_calls[].function.arguments", Field::Text),
    ("choices[].message.reasoning_content", Field::ReasoningText),
    ("delta", Field::Text),
    ("delta.text", Field::Text),
    ("delta.partial_json", Field::Text),
    ("delta.thinking", Field::ReasoningText),
    ("delta.toolUse.input", Field::Text),
    ("delta.reasoningContent.text", Field::ReasoningText),
    ("delta.message.content.text", Field::Text),
    ("contentBlockDelta.delta.text", Field::Text),
    ("contentBlockDelta.delta.toolUse.input", Field::Text),
    ("content[].text", Field::Text),
    ("output[].content[].text", Field::Text),
    ("output.message.content[].text", Field::Text),
    ("candidates[].content.parts[].text", Field::Text),
    ("generation", Field::Text),
    ("outputText", Field::Text),
    ("completion", Field::Text),
];

const COHERE_TEXTS: &[(&str, Field)] = &[("text", Field::Text), ("message.content[].text", Field::Text)];

/// The paths as a tree.
#[derive(Debug)]
pub(super) struct WatchTree(Vec<Node>);

#[derive(Debug)]
struct Node {
    children: Vec<(&'static [u8], NodeId)>,
    item: NodeId,
    value: Option<Field>,
    text: Option<Field>,
}

impl Node {
    const EMPTY: Node = Node { children: Vec::new(), item: IGNORED, value: None, text: None };
}

impl WatchTree {
    fn of(lists: &[&'static [(&'static str, Field)]]) -> WatchTree {
        let mut tree = WatchTree(vec![Node { item: ROOT, ..Node::EMPTY }]);
        for &(path, field) in lists.iter().copied().flatten() {
            let node = tree.add(path);
            let is_text = matches!(field, Field::Text | Field::ReasoningText);
            let node = &mut tree.0[usize::from(node)];
            if is_text { node.text = Some(field) } else { node.value = Some(field) }
        }
        tree
    }

    fn add(&mut self, path: &'static str) -> NodeId {
        let mut node = ROOT;
        for part in path.split('.') {
            let (name, is_array) = part.strip_suffix("[]").map_or((part, false), |name| (name, true));
            node = self.add_child(node, name.as_bytes());
            if is_array {
                node = self.add_item(node);
            }
        }
        node
    }

    fn push(&mut self) -> NodeId {
        self.0.push(Node::EMPTY);
        NodeId::try_from(self.0.len() - 1).expect("fewer paths than node numbers")
    }

    fn add_child(&mut self, node: NodeId, name: &'static [u8]) -> NodeId {
        match self.child(node, name) {
            IGNORED => {
                let child = self.push();
                self.0[usize::from(node)].children.push((name, child));
                child
            }
            child => child,
        }
    }

    fn add_item(&mut self, node: NodeId) -> NodeId {
        match self.item(node) {
            IGNORED => {
                let item = self.push();
                self.0[usize::from(node)].item = item;
                item
            }
            item => item,
        }
    }

    fn node(&self, id: NodeId) -> Option<&Node> {
        self.0.get(usize::from(id))
    }

    pub(super) fn child(&self, id: NodeId, key: &[u8]) -> NodeId {
        let found = self.node(id).and_then(|n| n.children.iter().find(|(name, _)| *name == key));
        found.map_or(IGNORED, |&(_, child)| child)
    }

    pub(super) fn item(&self, id: NodeId) -> NodeId {
        self.node(id).map_or(IGNORED, |n| n.item)
    }

    pub(super) fn value(&self, id: NodeId) -> Option<Field> {
        self.node(id).and_then(|n| n.value)
    }

    pub(super) fn text(&self, id: NodeId) -> Option<Field> {
        self.node(id).and_then(|n| n.text)
    }
}
