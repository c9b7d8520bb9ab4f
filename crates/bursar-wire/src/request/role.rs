//! What the words of the dialects mean for the volume of a request.

use super::volume::Medium;

/// What a value under a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Text of the conversation.
    Text,
    /// A word of the protocol, or an id.
    Word,
    /// The kind of the object, such as `input_image`.
    Kind,
    /// The MIME type of the bytes beside it.
    Mime,
    /// Bytes in base64, if the object is a medium.
    Bytes,
    /// The address or id of a medium, or a data URI.
    Address,
    /// Thoughts and the like in a form that only the provider reads.
    Opaque,
    /// Arguments and results of tools: all of it is text, the keys too.
    Free,
    /// Tools and schemas: names and descriptions are text, the words of JSON Schema are not.
    Schema,
    /// An object whose keys are names of the caller's choice, and its values schemas.
    Named,
    /// A value that is a word of JSON Schema, such as `string`.
    SchemaWord,
}

#[rustfmt::skip]
const WORDS: &[&str] = &[
    "role", "id", "tool_use_id", "toolUseId", "tool_call_id", "call_id", "status", "detail", "cache_control",
    "cachePoint", "index", "format", "display", "strict", "container_id", "phase", "citations", "server_label",
    "authorization", "headers",
];

const OPAQUE: &[&str] =
    &["signature", "encrypted_content", "thoughtSignature", "thought_signature", "redactedContent"];

#[rustfmt::skip]
const ADDRESSES: &[&str] = &[
    "url", "image_url", "video_url", "document_url", "audio_url", "file_url", "file_id", "fileUri", "file_uri",
    "uri", "s3Location", "image", "video", "audio",
];

impl Role {
    /// The role of a value of a message by its key.
    pub(super) fn of(key: &str) -> Role {
        match key {
            "type" => Role::Kind,
            "media_type" | "mimeType" | "mime_type" => Role::Mime,
            "data" | "bytes" | "file_data" | "b64_json" => Role::Bytes,
            "args" | "response" | "input" | "json" => Role::Free,
            "input_schema" | "inputSchema" | "parameters" | "parametersJsonSchema" | "schema" => Role::Schema,
            _ if WORDS.contains(&key) => Role::Word,
            _ if OPAQUE.contains(&key) => Role::Opaque,
            _ if ADDRESSES.contains(&key) => Role::Address,
            _ => Role::Text,
        }
    }

    /// The role of a value of a tool or schema by its key; `None` where the key itself is text.
    pub(super) fn in_schema(key: &str) -> Option<Role> {
        match key {
            _ if SCHEMA_WORDS.contains(&key) => Some(Role::SchemaWord),
            "properties" | "$defs" | "definitions" | "parameter_definitions" => Some(Role::Named),
            _ if SCHEMAS.contains(&key) => Some(Role::Schema),
            _ => None,
        }
    }
}

#[rustfmt::skip]
const SCHEMA_WORDS: &[&str] = &[
    "type", "format", "required", "strict", "additionalProperties", "additional_properties", "$schema", "$ref",
    "propertyOrdering", "cache_control",
];

#[rustfmt::skip]
const SCHEMAS: &[&str] = &[
    "function", "name", "description", "title", "parameters", "items", "enum", "const", "anyOf", "oneOf", "allOf",
    "default", "schema", "input_schema", "inputSchema", "json", "json_schema", "jsonSchema",
    "parametersJsonSchema", "parameters_json_schema", "toolSpec", "tools", "functionDeclarations",
    "function_declarations",
];

/// The medium that a key or an object's kind names.
pub(super) fn medium_of_word(word: &str) -> Option<Medium> {
    match word {
        "image" | "input_image" | "image_url" | "computer_screenshot" => Some(Medium::Picture),
        "input_audio" | "audio" | "audio_url" => Some(Medium::Audio),
        "video" | "video_url" | "input_video" => Some(Medium::Video),
        "document" | "file" | "input_file" | "document_url" | "container_upload" => Some(Medium::Document),
        _ => None,
    }
}
