//! What `bursar doctor` says about GPUs: the nodes with their prices, and what their exporters answer when asked once.

use bursar_console::times;
use bursar_core::Money;
use bursar_plan::gpu::gap::{Gap, GapKind};
use bursar_plan::gpu::state::Thresholds;
use bursar_plan::gpu::watch::{Seen, Watch};

use crate::commands::doctor::{Finding, Severity};
use crate::compose::gpus::{ask, scraper::Scraper};
use crate::config::{Config, GpuNodeSection, GpuSection};

const ABOUT: &str = "GPUs";

/// Everything about GPUs. Asks every exporter once, within the configured time.
pub(crate) fn findings(config: &Config) -> Vec<Finding> {
    let mut findings: Vec<Finding> = config.gpu.nodes.iter().flat_map(of_node).collect();
    match seen(&config.gpu) {
        Ok(seen) => findings.extend(seen.iter().flat_map(|s| s.gaps.iter().map(|gap| of_gap(&s.node, gap)))),
        Err(error) => {
            let hint = "exporters cannot be asked until this is mended";
            findings.push(finding(Severity::Error, format!("{error:#}"), hint));
        }
    }
    findings
}

fn finding(severity: Severity, detail: String, hint: &str) -> Finding {
    Finding { severity, about: ABOUT, detail, hint: hint.to_owned() }
}

/// A node as it is configured.
fn of_node(node: &GpuNodeSection) -> Vec<Finding> {
    let gpus =
        if node.accelerators == 1 { "1 GPU".to_owned() } else { format!("{} GPUs", node.accelerators) };
    let detail = format!("node {:?}: {gpus}, ${} an hour", node.name, node.per_hour);
    let mut findings = vec![finding(Severity::Ok, detail, "")];
    if node.per_hour == Money::ZERO {
        let hint = "unknown is not free: at this price its models cost nothing, and nothing idle is told";
        findings.push(finding(Severity::Warning, format!("node {:?} costs nothing", node.name), hint));
    }
    if !node.vllm.is_empty() && node.provider.is_none() {
        let hint = "name its [[provider]], so that teams are charged and its models get prices";
        let detail = format!("node {:?} serves models and has no provider", node.name);
        findings.push(finding(Severity::Warning, detail, hint));
    }
    findings
}

/// One round, as a running server takes it.
fn seen(gpu: &GpuSection) -> anyhow::Result<Vec<Seen>> {
    let at = times::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let scraper = Scraper::new(gpu.timeout)?;
    let answers = runtime.block_on(ask(&gpu.nodes, &scraper, at));
    Ok(Watch::new(Thresholds::default(), 0).take(at, answers))
}

fn of_gap(node: &str, gap: &Gap) -> Finding {
    let (severity, hint) = match gap.kind {
        GapKind::NoAnswer => (Severity::Error, "while nobody answers, the node's time is known by nobody"),
        GapKind::Missing => (Severity::Warning, "the node's figures that rest on it are left out"),
        GapKind::SharedGpu => (Severity::Warning, "name each exporter once, and each GPU for one node"),
        GapKind::MoreGpus | GapKind::FewerGpus => (
            Severity::Warning,
            "accelerators is how many GPUs usd_per_hour is for; dcgm names all their exporters",
        ),
        _ => (Severity::Warning, "docs/concepts/gpu-cost.md says what it means"),
    };
    finding(severity, format!("node {node:?}: {gap}"), hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(more: &str) -> Config {
        let text = format!(
            "[[gpu.node]]\nname = \"a\"\nowner = \"x\"\nusd_per_hour = \"2\"\naccelerators = 1\n\
             dcgm = [\"http://127.0.0.1:1/metrics\"]\n{more}"
        );
        Config::parse(None, &text, &|_| None).unwrap()
    }

    fn severities(found: &[Finding]) -> Vec<Severity> {
        found.iter().map(|f| f.severity).collect()
    }

    #[test]
    fn a_node_with_gpus_that_nobody_can_be_charged_for_is_told() {
        let found = of_node(&config("vllm = [\"http://127.0.0.1:8000/metrics\"]").gpu.nodes[0]);
        assert_eq!(severities(&found), [Severity::Ok, Severity::Warning]);
        assert!(found[1].hint.contains("[[provider]]"));
    }

    #[test]
    fn an_exporter_that_does_not_answer_is_an_error_with_its_address() {
        let found = findings(&config(""));
        assert_eq!(severities(&found), [Severity::Ok, Severity::Error]);
        let told = &found[1].detail;
        assert!(told.starts_with("node \"a\": no_answer: http://127.0.0.1:1/metrics: "), "{told}");
        assert_eq!(findings(&Config::parse(None, "", &|_| None).unwrap()), []);
    }
}
