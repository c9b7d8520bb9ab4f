//! From the configuration's `[notify]` to channels that can be sent to.

use bursar_notify::{Channel, ChannelConfig, ChannelKind, EmailConfig, Route, RouteChannel, Router, Secret};

use crate::config::{ChannelSection, ChannelWay, Environment, NotifySection, Plain, SecretSource};

/// A channel that can be sent to.
pub(crate) fn channel(section: &ChannelSection, env: Environment<'_>) -> anyhow::Result<Channel> {
    let config = config(section, env)?;
    Channel::new(&config).map_err(|why| anyhow::anyhow!("notify channel {:?}: {why}", section.name))
}

/// All channels. A secret that is configured and not there is an error: warnings would fail one by one.
pub(crate) fn channels(notify: &NotifySection, env: Environment<'_>) -> anyhow::Result<Vec<Channel>> {
    notify.channels.iter().map(|section| channel(section, env)).collect()
}

/// Which alert goes to which channels.
pub(super) fn router(notify: &NotifySection, env: Environment<'_>) -> anyhow::Result<Router> {
    let routes = notify.routes.iter().map(|r| Route {
        budget: r.budget.clone(),
        owner: r.owner.clone(),
        least: r.least,
        channels: r.channels.clone(),
    });
    let channels = notify.channels.iter().map(|c| Ok(RouteChannel::of(&config(c, env)?)));
    Ok(Router::new(routes.collect(), channels.collect::<anyhow::Result<_>>()?))
}

fn config(section: &ChannelSection, env: Environment<'_>) -> anyhow::Result<ChannelConfig> {
    let read = |source: &SecretSource| {
        let secret = source.resolve(env);
        secret.map(Secret::new).map_err(|why| anyhow::anyhow!("notify channel {:?}: {why}", section.name))
    };
    let url = |plain: &Plain| match plain {
        Plain::Url(text) => Ok(Secret::new(text.clone())),
        Plain::From(source) => read(source),
    };
    let kind = match &section.kind {
        ChannelWay::Webhook { url: to, secret } => {
            ChannelKind::Webhook { url: url(to)?, secret: secret.as_ref().map(read).transpose()? }
        }
        ChannelWay::Slack { url: to } => ChannelKind::Slack { url: url(to)? },
        ChannelWay::PagerDuty { routing_key, url } => ChannelKind::PagerDuty {
            routing_key: read(routing_key)?,
            url: Secret::new(url.clone().unwrap_or_else(|| ChannelKind::PAGER_DUTY.to_owned())),
        },
        ChannelWay::Email(email) => ChannelKind::Email(EmailConfig {
            host: email.host.clone(),
            port: email.port,
            tls: email.tls,
            username: email.username.clone(),
            password: email.password.as_ref().map(read).transpose()?,
            from: email.from.clone(),
            to: email.to.clone(),
        }),
    };
    Ok(ChannelConfig {
        name: section.name.clone(),
        kind,
        timeout: section.timeout,
        quiet_hours: section.quiet_hours.clone(),
    })
}
