//! The control plane: the JSON API, its OpenAPI document, metrics and health.
