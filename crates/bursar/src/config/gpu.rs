//! `[gpu]` and `[[gpu.node]]`: nodes with GPUs, what they cost, and who is asked what they do.

use std::time::Duration;

use bursar_core::Money;
use bursar_plan::gpu::bill::Weights;
use bursar_plan::supply::Term;
use http::Uri;

use super::{Problem, ProviderSection, Section};

/// The watch over GPUs.
#[derive(Clone, Debug)]
pub(crate) struct GpuSection {
    /// The time between two rounds; 30 s unless told.
    pub(crate) interval: Duration,
    /// The time an exporter has to answer; 5 s unless told.
    pub(crate) timeout: Duration,
    /// How long a GPU is idle before it is told; 30 min unless told.
    pub(crate) idle_after: Duration,
    /// How long nothing is idle before it is told that it is over; 10 min unless told.
    pub(crate) idle_over_after: Duration,
    /// Idle GPUs of a node that cost less than this an hour are not told.
    pub(crate) idle_least_per_hour: Money,
    /// The nodes.
    pub(crate) nodes: Vec<GpuNodeSection>,
}

/// A node with GPUs.
#[derive(Clone, Debug)]
pub(crate) struct GpuNodeSection {
    /// Its place in the configuration, from 0.
    pub(crate) place: usize,
    /// Its name in reports.
    pub(crate) name: String,
    /// Where its DCGM exporters answer.
    pub(crate) dcgm: Vec<Uri>,
    /// Where its engines answer.
    pub(crate) vllm: Vec<Uri>,
    /// Whether the GPUs of this machine are asked directly.
    pub(crate) nvml: bool,
    /// The whole node, per hour.
    pub(crate) per_hour: Money,
    /// On which term it is paid for.
    pub(crate) term: Term,
    /// Whose it is.
    pub(crate) owner: String,
    /// How many GPUs the price is for.
    pub(crate) accelerators: u32,
    /// The provider by whose name its models are called through Bursar.
    pub(crate) provider: Option<String>,
    /// GPU time of a token.
    pub(crate) weights: Weights,
}

/// The most GPUs of one node.
const MOST_ACCELERATORS: u64 = 1_024;
/// A price per GPU and hour above this is taken for that of a month.
const DEAREST: Money = Money::from_nanos(100_000_000_000);
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(600);

impl GpuSection {
    pub(crate) fn read(mut s: Section<'_>, problems: &mut Vec<Problem>) -> GpuSection {
        let time = |s: &mut Section<'_>, field: &str, usual| s.duration(field).unwrap_or(usual);
        let interval = time(&mut s, "interval", Duration::from_secs(30));
        let timeout = time(&mut s, "timeout", Duration::from_secs(5));
        let idle_after = time(&mut s, "idle_after", Duration::from_secs(1_800));
        let idle_over_after = time(&mut s, "idle_over_after", Duration::from_secs(600));
        if !(SHORTEST..=LONGEST).contains(&interval) {
            s.wrong("interval", "is not between 1s and 10m; a sample speaks for three intervals at most");
        }
        if timeout.is_zero() || timeout > interval {
            s.wrong("timeout", "is zero or longer than the interval");
        }
        let idle_least_per_hour = money(&mut s, "idle_alert_usd_per_hour").unwrap_or(Money::ZERO);
        let nodes: Vec<GpuNodeSection> = s
            .sections("node")
            .into_iter()
            .enumerate()
            .filter_map(|(place, n)| GpuNodeSection::read(n, place, problems))
            .collect();
        s.finish(problems);
        GpuSection { interval, timeout, idle_after, idle_over_after, idle_least_per_hour, nodes }
    }

    /// What can only be seen with all nodes and providers at hand.
    pub(crate) fn check_together(&self, providers: &[ProviderSection], problems: &mut Vec<Problem>) {
        for (i, node) in self.nodes.iter().enumerate() {
            let mut wrong = |field: &str, message: String| {
                problems.push(Problem::new(format!("gpu.node[{}].{field}", node.place), message));
            };
            if self.nodes[..i].iter().any(|n| n.name == node.name) {
                wrong("name", format!("{:?} is the name of an earlier node; names differ", node.name));
            }
            if let Some(name) = node.provider.as_ref().filter(|n| !providers.iter().any(|p| p.name == **n)) {
                wrong("provider", format!("there is no provider {name:?}; its name stands in [[provider]]"));
            }
            if let Some(url) =
                self.nodes[..i].iter().flat_map(|n| &n.dcgm).find(|url| node.dcgm.contains(url))
            {
                wrong("dcgm", format!("{url} is an exporter of an earlier node; its GPUs would count twice"));
            }
            if let Some(url) =
                self.nodes[..i].iter().flat_map(|n| &n.vllm).find(|url| node.vllm.contains(url))
            {
                wrong("vllm", format!("{url} is an engine of an earlier node; its tokens would count twice"));
            }
        }
        if self.nodes.iter().filter(|n| n.nvml).count() > 1 {
            problems.push(Problem::new("gpu.node", "several have nvml = true; this machine is one node"));
        }
    }
}

impl GpuNodeSection {
    fn read(mut s: Section<'_>, place: usize, problems: &mut Vec<Problem>) -> Option<GpuNodeSection> {
        let name = required(&mut s, "name", "the node's name in reports, such as \"gpu-1\"");
        let owner = required(&mut s, "owner", "the team that pays for what is idle");
        let (dcgm, vllm) = (urls(&mut s, "dcgm"), urls(&mut s, "vllm"));
        let nvml = s.flag("nvml").unwrap_or(false);
        if dcgm.is_empty() && !nvml && !s.has_problem("dcgm") {
            s.wrong("dcgm", "is missing; such as [\"http://127.0.0.1:9400/metrics\"]");
        }
        let per_hour = money(&mut s, "usd_per_hour");
        if per_hour.is_none() && !s.has_problem("usd_per_hour") {
            s.wrong("usd_per_hour", "is missing; what the whole node costs an hour, such as \"31.464\"");
        }
        let accelerators = accelerators(&mut s);
        if let (Some(price), Some(count)) = (per_hour, accelerators)
            && price.nanos() / i64::from(count) > DEAREST.nanos()
        {
            s.wrong(
                "usd_per_hour",
                format!("is ${price} an hour for {count} GPUs; is it the price of a month?"),
            );
        }
        let terms: Vec<(&str, Term)> = Term::ALL.iter().map(|&t| (t.name(), t)).collect();
        let term = s.choice("term", &terms).unwrap_or(Term::OnDemand);
        let provider = s.text("provider");
        let weights = weights(s.section("weights"), problems);
        s.finish(problems);
        let weights = weights.unwrap_or_default();
        let (name, owner, per_hour, accelerators) = (name?, owner?, per_hour?, accelerators?);
        Some(GpuNodeSection {
            place,
            name,
            dcgm,
            vllm,
            nvml,
            per_hour,
            term,
            owner,
            accelerators,
            provider,
            weights,
        })
    }
}

fn required(s: &mut Section<'_>, field: &str, what: &str) -> Option<String> {
    let text = s.text(field);
    let fits = |t: &String| !t.trim().is_empty() && t.len() <= 100 && !t.chars().any(char::is_control);
    if text.as_ref().is_none_or(|t| !fits(t)) && !s.has_problem(field) {
        s.wrong(field, format!("is missing, empty or too long; it is {what}"));
    }
    text.filter(fits)
}

fn money(s: &mut Section<'_>, field: &str) -> Option<Money> {
    let amount = s.parsed::<Money>(field, "31.464")?;
    if amount < Money::ZERO {
        s.wrong(field, "is below zero");
        return None;
    }
    Some(amount)
}

fn accelerators(s: &mut Section<'_>) -> Option<u32> {
    let count = s.number("accelerators");
    match count {
        Some(count @ 1..=MOST_ACCELERATORS) => u32::try_from(count).ok(),
        _ => {
            if !s.has_problem("accelerators") {
                s.wrong("accelerators", "is missing or not 1 to 1024; it is how many GPUs the price is for");
            }
            None
        }
    }
}

/// URLs of one or more exporters.
fn urls(s: &mut Section<'_>, field: &str) -> Vec<Uri> {
    let mut found = Vec::new();
    for (i, text) in s.texts(field).iter().enumerate() {
        match exporter_url(text) {
            Ok(url) if found.contains(&url) => {
                s.wrong(&format!("{field}[{i}]"), format!("{text:?} is there already; it would count twice"));
            }
            Ok(url) => found.push(url),
            Err(why) => s.wrong(&format!("{field}[{i}]"), format!("{text:?} {why}")),
        }
    }
    found
}

/// An exporter's URL: the text says why it is none.
pub(crate) fn exporter_url(text: &str) -> Result<Uri, &'static str> {
    let url: Uri = text.parse().map_err(|_| "is no URL such as http://127.0.0.1:9400/metrics")?;
    let authority = url.authority().ok_or("has no host; write it like http://127.0.0.1:9400/metrics")?;
    if authority.as_str().contains('@') {
        return Err("has a name or password in it; secrets do not stand in the configuration");
    }
    // What is no port is taken for one that is not given.
    if authority
        .as_str()
        .rsplit_once(':')
        .is_some_and(|(_, port)| !port.ends_with(']') && url.port_u16().is_none())
    {
        return Err("has a port that is none; ports are 1 to 65535");
    }
    match url.scheme_str() {
        Some("http" | "https") => Ok(url),
        _ => Err("starts with neither http:// nor https://"),
    }
}

/// GPU time of a token; `None` where nothing is said.
fn weights(mut s: Section<'_>, problems: &mut Vec<Problem>) -> Option<Weights> {
    let is_given = ["input", "cached", "output"].iter().any(|field| s.has(field));
    let usual = Weights::default();
    let mut read = |field: &str, usual: u32| {
        let number = s.number(field)?;
        let weight = u32::try_from(number).ok().filter(|w| *w <= 1_000_000);
        if weight.is_none() {
            s.wrong(field, "is above 1000000; weights are relative to each other");
        }
        Some(weight.unwrap_or(usual))
    };
    let (input, cached, output) =
        (read("input", usual.input), read("cached", 0), read("output", usual.output));
    if is_given && (input.is_none() || output.is_none()) {
        s.wrong("input", "and output belong together; the built-in ones are { input = 23, output = 185 }");
    }
    if let (Some(0), Some(0)) = (input, output) {
        s.wrong("output", "is 0 as input is; nothing could be priced");
    }
    s.finish(problems);
    Some(Weights { input: input?, cached: cached.unwrap_or(0), output: output? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn read(text: &str) -> Result<GpuSection, String> {
        Config::parse(None, text, &|_| None).map(|c| c.gpu).map_err(|e| e.to_string())
    }

    const NODE: &str = r#"
        [[provider]]
        name = "local"
        kind = "vllm"
        base_url = "http://127.0.0.1:8000"
        [[gpu.node]]
        name = "gpu-1"
        dcgm = ["http://127.0.0.1:9400/metrics"]
        vllm = ["http://127.0.0.1:8000/metrics"]
        usd_per_hour = "31.464"
        term = "1-year"
        owner = "platform"
        accelerators = 8
        provider = "local"
        weights = { input = 20, output = 100 }
    "#;

    #[test]
    fn a_node_is_read_with_its_price_its_exporters_and_its_weights() {
        let gpu = read(NODE).unwrap();
        let node = &gpu.nodes[0];
        assert_eq!(
            (node.per_hour.to_string().as_str(), node.term, node.accelerators),
            ("31.464", Term::OneYear, 8)
        );
        assert_eq!(
            (node.dcgm[0].to_string().as_str(), node.vllm.len()),
            ("http://127.0.0.1:9400/metrics", 1)
        );
        assert_eq!(node.weights, Weights { input: 20, cached: 0, output: 100 });
        assert_eq!((gpu.interval.as_secs(), gpu.idle_after.as_secs(), node.nvml), (30, 1_800, false));
        let usual = read(&NODE.replace("weights = { input = 20, output = 100 }", "")).unwrap();
        assert_eq!(usual.nodes[0].weights, Weights::default());
        assert!(read("").unwrap().nodes.is_empty());
    }

    #[test]
    fn every_problem_of_a_node_is_told_with_its_field() {
        let told = read(
            r#"
            [gpu]
            interval = "1h"
            timeout = "0s"
            idle_alert_usd_per_hour = "-1"
            [[gpu.node]]
            name = "a"
            dcgm = ["ftp://x/metrics", "http://user:secret@x/metrics", "metrics"]
            usd_per_hour = 31.464
            term = "forever"
            owner = ""
            accelerators = 0
            provider = "nobody"
            weights = { input = 1 }
            colour = "green"
            [[gpu.node]]
            name = "b"
            dcgm = ["http://127.0.0.1:9400/metrics"]
            usd_per_hour = "22654"
            owner = "x"
            accelerators = 8
            provider = "nobody"
            [[gpu.node]]
            name = "b"
            dcgm = ["http://127.0.0.1:9400/metrics"]
            usd_per_hour = "1"
            owner = "x"
            accelerators = 8
            weights = { input = 0, output = 0 }
            [[gpu.node]]
            "#,
        )
        .unwrap_err();
        for expected in [
            "gpu.interval: ",
            "gpu.timeout: ",
            "gpu.idle_alert_usd_per_hour: is below zero",
            "gpu.node[0].dcgm[0]: \"ftp://x/metrics\" starts with neither",
            "gpu.node[0].dcgm[1]: ",
            "gpu.node[0].dcgm[2]: ",
            "gpu.node[0].usd_per_hour: is a number, and a text in quotes",
            "gpu.node[0].term: \"forever\" is none of on-demand, 1-year, 3-year, owned",
            "gpu.node[0].owner: ",
            "gpu.node[0].accelerators: ",
            "gpu.node[0].weights.input: and output belong together",
            "gpu.node[0].colour: is no setting",
            "gpu.node[1].usd_per_hour: is $22654.00 an hour for 8 GPUs; is it the price of a month?",
            "gpu.node[2].weights.output: ",
            "gpu.node[3].name: ",
            "gpu.node[3].dcgm: is missing",
            "gpu.node[3].usd_per_hour: is missing",
        ] {
            assert!(told.contains(expected), "{expected} is missing in:\n{told}");
        }
    }

    #[test]
    fn a_mistake_is_told_at_the_place_of_its_node_and_what_would_count_twice_is_refused() {
        let node = |name: &str, more: &str| {
            format!("[[gpu.node]]\nname = \"{name}\"\nusd_per_hour = \"1\"\naccelerators = 1\n{more}\n")
        };
        let url = |port: u32| format!("\"http://127.0.0.1:{port}/metrics\"");
        let engines = format!("owner = \"x\"\nvllm = [{0}, {0}]\ndcgm = [{1}]", url(8000), url(99_999));
        let shared = |dcgm| format!("owner = \"x\"\nvllm = [{}]\ndcgm = [{}]", url(8001), url(dcgm));
        let text =
            node("a", "") + &node("b", &shared(9400)) + &node("c", &engines) + &node("b", &shared(9401));
        let told = read(&text).unwrap_err();
        for expected in [
            "gpu.node[0].owner: ",
            "gpu.node[2].vllm[1]: \"http://127.0.0.1:8000/metrics\" is there already",
            "gpu.node[2].dcgm[0]: \"http://127.0.0.1:99999/metrics\" has a port that is none",
            "gpu.node[3].name: \"b\" is the name of an earlier node",
            "gpu.node[3].vllm: http://127.0.0.1:8001/metrics is an engine of an earlier node",
        ] {
            assert!(told.contains(expected), "{expected} is missing in:\n{told}");
        }
        assert!(
            exporter_url("http://[::1]/metrics").is_ok() && exporter_url("http://[::1]:9400/metrics").is_ok()
        );
    }

    #[test]
    fn nodes_are_told_apart_and_belong_to_providers_that_are_there() {
        let again = NODE.split("[[gpu.node]]").nth(1).unwrap().replace("\"local\"", "\"nobody\"");
        let told = read(&format!("{NODE}\n[[gpu.node]]{again}")).unwrap_err();
        for expected in
            ["gpu.node[1].name: ", "gpu.node[1].provider: there is no provider", "gpu.node[1].dcgm: http"]
        {
            assert!(told.contains(expected), "{told}");
        }
    }
}
