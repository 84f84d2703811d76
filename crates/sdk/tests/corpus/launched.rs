//! A launched client and its answer to one call, as the corpus asks.
use stayput_engine::{Held, Json, Launch, Settings, Storage, decide, explain, keys_needed, untyped};
use stayput_sdk::calls::{Call, Moment, Sender, calls};

const MOMENT: Moment = Moment { milliseconds: 1_700_000_000_000, random: 0.5 };

pub(crate) struct Launched {
    pub(crate) settings: Settings,
    pub(crate) launch: Launch,
    pub(crate) storage: bool,
    pub(crate) sender: Sender,
}

/// What the storage does when it is read.
pub(crate) enum Reading<'a> {
    Fails,
    Finds(&'a dyn Fn(&str, &str) -> Option<&'a Json>),
}

#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) result: Option<Json>,
    pub(crate) sets: Vec<Json>,
    pub(crate) tracks: Vec<Json>,
}

impl Launched {
    pub(crate) fn answer(&self, case: &Json, reading: &Reading<'_>) -> Answer {
        let call = match untyped::read(case, self.launch) {
            Ok(call) => call,
            Err(untyped::Refused::Arguments(answer)) => {
                return Answer { result: answer.to_json(false), sets: Vec::new(), tracks: Vec::new() };
            }
            Err(untyped::Refused::UnknownCall) => panic!("no such call: {case:?}"),
        };
        let (settings, context) = (&self.settings, &call.context);
        let needed = keys_needed(settings, context, &call.request);
        let read = |key: &str| match reading {
            Reading::Fails => None,
            Reading::Finds(find) => {
                assert!(needed.contains(&key), "{key} was not among the keys needed: {case:?}");
                find(context.user, key).and_then(|record| Held::from_record(record, context.user, key))
            }
        };
        let storage = match (self.storage, reading) {
            (false, _) => Storage::None,
            (true, Reading::Fails) => Storage::Unread,
            (true, Reading::Finds(_)) => Storage::Read(&read),
        };
        let decision = decide(settings, context, &call.request, storage);
        let explained = explain(settings, context, &call.request, storage).0;
        assert_eq!(format!("{decision:?}"), format!("{explained:?}"), "an explained decision is the same");
        Answer {
            result: decision.answer.to_json(self.launch.development).map(written),
            sets: decision.sets.iter().map(stayput_engine::Set::to_json).collect(),
            tracks: calls(settings, context, &self.sender, MOMENT, &decision.events)
                .iter()
                .map(Call::to_json)
                .collect(),
        }
    }
}

/// As JSON writes it: what is no finite number is null.
fn written(json: Json) -> Json {
    Json::parse(serde_json::to_string(&json).unwrap_or_default().as_bytes()).unwrap_or_default()
}
