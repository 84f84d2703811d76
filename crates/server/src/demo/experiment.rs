//! The experiment, and what a week does to it.
use crate::cli::Failed;
use serde_json::json;
use stayput_engine::Settings;

pub(super) const CAMPAIGN: &str = "checkout";
pub(super) const GOAL: &str = "purchase";

/// One day's settings.
pub(super) struct Plan {
    pub(super) change: &'static str,
    traffic: u32,
    weights: &'static [(&'static str, u32)],
}

pub(super) const WEEK: [Plan; 7] = [
    Plan { change: "the experiment starts", traffic: 100, weights: &[("Control", 50), ("Blue", 50)] },
    Plan { change: "nothing", traffic: 100, weights: &[("Control", 50), ("Blue", 50)] },
    Plan { change: "Blue gets 80 %", traffic: 100, weights: &[("Control", 20), ("Blue", 80)] },
    Plan { change: "Green joins", traffic: 100, weights: &[("Control", 20), ("Blue", 40), ("Green", 40)] },
    Plan { change: "half the traffic", traffic: 50, weights: &[("Control", 20), ("Blue", 40), ("Green", 40)] },
    Plan { change: "all traffic again", traffic: 100, weights: &[("Control", 20), ("Blue", 40), ("Green", 40)] },
    Plan { change: "Control gets most", traffic: 100, weights: &[("Control", 70), ("Blue", 15), ("Green", 15)] },
];

impl Plan {
    pub(super) fn settings(&self) -> Result<Settings, Failed> {
        let variation =
            |(place, (name, weight)): (usize, &(&str, u32))| json!({ "id": place + 1, "name": name, "weight": weight });
        let campaign = json!({
            "id": 1, "key": CAMPAIGN, "status": "RUNNING", "type": "VISUAL_AB", "percentTraffic": self.traffic,
            "goals": [{ "id": 1, "identifier": GOAL, "type": "CUSTOM_GOAL" }],
            "variations": self.weights.iter().enumerate().map(variation).collect::<Vec<_>>(), "segments": {},
        });
        let settings = json!({ "accountId": 1, "sdkKey": "demo", "version": 1, "campaigns": [campaign] });
        Settings::from_json(&settings.into()).map_err(|invalid| Failed::new(invalid.to_string()))
    }
}
