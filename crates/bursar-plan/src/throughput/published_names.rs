//! Whether two names mean the same accelerator or the same model, though each source writes them its own way.

/// The words of a name: letters and digits, in small letters.
fn words(name: &str) -> Vec<String> {
    name.split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect()
}

/// Whether `name` is the accelerator that `asked` means: it has all of its words, so that `H100` means
/// `NVIDIA H100-SXM-80GB`, and neither `H200` nor `GB200` means `B200`. A system that mixes accelerators is none of
/// them.
pub(crate) fn is_accelerator(name: &str, asked: &str) -> bool {
    let (name_words, asked_words) = (words(name), words(asked));
    let mixed = name.contains(", ");
    !mixed && !asked_words.is_empty() && asked_words.iter().all(|word| name_words.contains(word))
}

/// A model's name without maker, spaces and marks.
fn bare(model: &str) -> String {
    let name = model.rsplit('/').next().unwrap_or(model);
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// Whether a published model is the one that `asked` means. MLPerf adds the accuracy that was kept (`-99`, `-99.9`);
/// what is asked may add a variant (`Llama-2-70b-chat-hf`).
pub(crate) fn is_model(published: &str, asked: &str) -> bool {
    let plain = published.split(" (").next().unwrap_or(published);
    let plain = plain.strip_suffix("-99.9").or_else(|| plain.strip_suffix("-99")).unwrap_or(plain);
    let (published, asked) = (bare(plain), bare(asked));
    !published.is_empty() && asked.contains(&published)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_accelerator_is_meant_by_its_words() {
        assert!(is_accelerator("NVIDIA H100-SXM-80GB", "H100"));
        assert!(is_accelerator("AMD Instinct MI300X 192GB HBM3", "mi300x"));
        assert!(is_accelerator("Gaudi 3", "Gaudi 3") && !is_accelerator("Gaudi 3", "Gaudi 2"));
        assert!(!is_accelerator("NVIDIA GB200", "B200") && !is_accelerator("NVIDIA H200-NVL-141GB", "H100"));
        assert!(!is_accelerator("AMD Instinct MI300X (x32), AMD Instinct MI325X (x16)", "MI325X"));
        assert!(!is_accelerator("NVIDIA L40S", ""));
    }

    #[test]
    fn a_model_is_meant_by_its_name_without_marks() {
        assert!(is_model("llama2-70b-99.9", "meta-llama/Llama-2-70b-chat-hf"));
        assert!(is_model("llama3.1-8b", "Meta-Llama-3.1-8B-Instruct"));
        assert!(is_model("GLM-4.7 (355B/32B)", "zai/GLM-4.7"));
        assert!(!is_model("llama3.1-8b", "Llama-3.1-80B") && !is_model("llama2-70b-99", "llama2-7b"));
    }
}
