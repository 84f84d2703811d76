//! What tests share: settings, clients, stores.
use super::collector::Collector;
use stayput::{
    Timestamp,
    backends::Memory,
    testing::{Faulty, ManualClock},
};
use stayput_sdk::{Launcher, Options, Queueing, launch};
use std::{sync::Arc, time::Duration};

pub(crate) const NOW: u64 = 1_700_000_000_000;

/// An A/B test `ab`, a feature test `feature` and a rollout `rollout`, with everybody in the variation that `all_in`
/// names; `more` goes into the settings.
pub(crate) fn settings(all_in: &str, more: &str) -> String {
    let weight = |name: &str| if name == all_in { 100 } else { 0 };
    let variations = format!(
        r#"[{{"id":1,"name":"Control","weight":{},"isFeatureEnabled":false,
            "variables":[{{"id":1,"key":"size","type":"integer","value":10}}]}},
           {{"id":2,"name":"B","weight":{},"isFeatureEnabled":true,
            "variables":[{{"id":1,"key":"size","type":"integer","value":20}}]}}]"#,
        weight("Control"),
        weight("B")
    );
    let goals = r#"[{"id":1,"identifier":"g","type":"CUSTOM_GOAL"},{"id":2,"identifier":"r","type":"REVENUE_TRACKING"},
        {"id":3,"identifier":"every","type":"CUSTOM_GOAL","mca":-1}]"#;
    let campaign = |id: u32, key: &str, kind: &str| {
        format!(
            r#"{{"id":{id},"key":"{key}","name":"n{id}","type":"{kind}","status":"RUNNING","percentTraffic":100,
            "segments":{{}},"goals":{goals},"variations":{variations},
            "variables":[{{"id":1,"key":"size","type":"integer","value":30}}]}}"#
        )
    };
    let campaigns = [
        campaign(7, "ab", "VISUAL_AB"),
        campaign(8, "feature", "FEATURE_TEST"),
        campaign(9, "rollout", "FEATURE_ROLLOUT"),
    ];
    format!(r#"{{"accountId":888888,"sdkKey":"key","version":1{more},"campaigns":[{}]}}"#, campaigns.join(","))
}

/// A client that reports to `collector`, at one moment, with repeats that do not keep anybody waiting.
pub(crate) fn client(settings: &str, collector: &Collector) -> Launcher {
    launch(settings)
        .endpoint(&collector.url)
        .clock(Arc::new(ManualClock::new(Timestamp::from_millis(NOW))))
        .random(|| 0.5)
        .queueing(quick())
}

pub(crate) fn quick() -> Queueing {
    Queueing { delays: vec![Duration::from_millis(2); 5], ..Queueing::default() }
}

pub(crate) fn store() -> Arc<Faulty<Memory>> {
    Arc::new(Faulty::new(Memory::default()))
}

pub(crate) fn plain() -> Options {
    Options::default()
}

/// 10,000 trials with STAYPUT_LONG, fewer without.
#[expect(clippy::disallowed_methods, reason = "what ./test --long says")]
pub(crate) fn trials(few: usize, many: usize) -> usize {
    if std::env::var_os("STAYPUT_LONG").is_some() { many } else { few }
}
