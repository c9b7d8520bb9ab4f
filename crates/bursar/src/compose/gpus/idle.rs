//! GPUs that stand idle or broken while they are paid for: alerts in the outbox.

use bursar_console::times;
use bursar_core::Timestamp;
use bursar_core::budget::Window;
use bursar_insight::watch::Severity;
use bursar_notify::Notice;
use bursar_plan::gpu::idle_alert::{IdleEvent, IdleRule, IdleWatch, Waste};
use bursar_plan::gpu::state::GpuState;
use bursar_store::{Alert, GpuSpan, NewAlert};

use crate::compose::warnings::Teller;
use crate::config::GpuSection;

/// The rule that the configuration asks for.
pub(super) fn rule(gpu: &GpuSection) -> IdleRule {
    let micros = |d: std::time::Duration| i64::try_from(d.as_micros()).unwrap_or(i64::MAX);
    IdleRule {
        after: micros(gpu.idle_after),
        over_after: micros(gpu.idle_over_after),
        least_per_hour: gpu.idle_least_per_hour,
    }
}

/// Tells the watch what was told before a restart and is not over.
pub(super) fn restore(watch: &mut IdleWatch, known: &[(Alert, bool)], spans: &[GpuSpan]) {
    for (alert, is_raised) in known.iter().filter(|(_, is_raised)| *is_raised) {
        let waste = Waste::ALL.into_iter().find(|w| w.rule() == alert.rule);
        if let (Some(waste), Some(node), true) = (waste, &alert.instance, is_raised) {
            watch.restore(node, waste, alert.window.start, alert.episode);
        }
    }
    for span in spans {
        if let Some(state) = GpuState::from_name(&span.state) {
            let gpu = if span.index.is_empty() {
                span.gpu.clone()
            } else {
                format!("{} ({})", span.index, span.gpu)
            };
            watch.restore_gpu(&span.node, &gpu, state, span.since);
        }
    }
}

/// An event as the outbox keeps it, with where it is told.
pub(super) fn alert(event: &IdleEvent, owner: Option<&str>, accelerators: u32, teller: &Teller) -> NewAlert {
    let key = format!("{} {} {}", event.waste.rule(), event.node, event.since.micros());
    let (incident, id) = Alert::names(&key, !event.begins);
    let severity = Severity::Warning;
    let notice = Notice { owner, severity, at: event.at, is_over: !event.begins };
    let alert = Alert {
        id,
        incident,
        budget: None,
        instance: Some(event.node.clone()),
        window: Window { start: event.since, end: event.since },
        rule: event.waste.rule().to_owned(),
        episode: event.episode,
        recovery: (!event.begins).then(|| "back_below".to_owned()),
        severity: severity.name().to_owned(),
        audience: "everyone".to_owned(),
        at: event.at,
        owner: owner.map(str::to_owned),
        unit: None,
        spent: 0,
        limit: 0,
        forecast: None,
        text: text(event, accelerators),
    };
    NewAlert { alert, channels: teller.router.channels_for_notice(&notice) }
}

fn text(event: &IdleEvent, accelerators: u32) -> String {
    let (node, since) = (&event.node, second(event.since));
    let what = match event.waste {
        Waste::Idle => "done nothing",
        Waste::Faulty => "been broken",
    };
    if !event.begins {
        return format!("No GPU of node {node} has {what} any more, as some had since {since}.");
    }
    let have = if event.gpus.len() == 1 { "has" } else { "have" };
    let all = if accelerators == 1 { "GPU" } else { "GPUs" };
    format!(
        "{} of {accelerators} {all} of node {node} {have} {what}, the first since {since}: ${} an hour. GPU {}.",
        event.gpus.len(),
        event.per_hour,
        event.gpus.join(", ")
    )
}

fn second(at: Timestamp) -> String {
    times::text_of(Timestamp::from_seconds(at.micros().div_euclid(1_000_000)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_says_how_many_gpus_since_when_and_at_how_many_dollars_an_hour() {
        let since = Timestamp::from_date(2026, 7, 15).unwrap();
        let event = IdleEvent {
            node: "gpu-1".to_owned(),
            waste: Waste::Idle,
            begins: true,
            since,
            at: since.plus_micros(1_800_000_000),
            gpus: vec!["0 (GPU-a)".to_owned(), "3 (GPU-d)".to_owned()],
            per_hour: "7.866".parse().unwrap(),
            episode: 0,
        };
        assert_eq!(
            text(&event, 8),
            "2 of 8 GPUs of node gpu-1 have done nothing, the first since 2026-07-15T00:00:00Z: $7.866 an hour. \
             GPU 0 (GPU-a), 3 (GPU-d)."
        );
        let over = IdleEvent { begins: false, waste: Waste::Faulty, ..event };
        assert_eq!(
            text(&over, 8),
            "No GPU of node gpu-1 has been broken any more, as some had since 2026-07-15T00:00:00Z."
        );
    }
}
