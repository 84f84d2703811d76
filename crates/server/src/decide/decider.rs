//! Answers one call as the SDK would: reads what the decision needs, decides, says what to store and to send.
use stayput_engine::{
    Context, Decision, Explanation, Held, Json, Launch, Request, Set, Settings, Storage, decide, explain, keys_needed,
    untyped::{self, Refused},
};
use stayput_sdk::calls::{Call, Moment, Sender, Usage, calls};

/// What all cases have in common.
pub(super) struct Decider {
    pub(super) settings: Settings,
    pub(super) sender: Sender,
    pub(super) moment: Moment,
    pub(super) explain: bool,
}

/// What a storage does when it is read.
pub(super) enum Reading<'a> {
    Fails,
    Finds(&'a dyn Fn(&str, &str) -> Option<&'a Json>),
}

/// The answer to one call.
#[derive(Debug, Default)]
pub(super) struct Answer {
    result: Option<Json>,
    pub(super) sets: Vec<Json>,
    tracks: Vec<Json>,
    steps: Option<Json>,
}

impl Decider {
    /// Answers `case` for a client launched with these options, and with or without a storage.
    pub(super) fn answer(
        &self,
        case: &Json,
        (options, storage): (Option<&Json>, bool),
        reading: Reading<'_>,
    ) -> Result<Answer, String> {
        let launched = options.map_or(Some(Launch::default()), untyped::read_launch);
        let launch = launched.unwrap_or_default();
        let call = match read(case, launch) {
            Ok(call) if launched.is_some() => call,
            // The official client answers nothing after a wrong launch.
            Ok(call) => return Ok(Answer { result: nothing(&call.request), ..Answer::default() }),
            Err(Refused::Arguments(answer)) => {
                return Ok(Answer { result: answer.to_json(false), ..Answer::default() });
            }
            Err(Refused::UnknownCall) => return Err(unknown(case)),
        };
        let (context, request) = (&call.context, &call.request);
        let needed = keys_needed(&self.settings, context, request);
        let read = |key: &str| match reading {
            Reading::Finds(find) if needed.contains(&key) => {
                find(context.user, key).and_then(|record| Held::from_record(record, context.user, key))
            }
            Reading::Finds(_) | Reading::Fails => None,
        };
        let storage = match reading {
            _ if !storage => Storage::None,
            Reading::Fails => Storage::Unread,
            Reading::Finds(_) => Storage::Read(&read),
        };
        let (decision, explanation) = self.decide(context, request, storage);
        let sender = self.sender(options, !matches!(storage, Storage::None));
        Ok(Answer {
            result: decision.answer.to_json(launch.development).map(written),
            sets: once_each(&decision.sets).map(Set::to_json).collect(),
            tracks: self.tracks(context, &decision, &sender),
            steps: explanation.map(|explanation| sentences(&explanation)),
        })
    }

    fn decide<'a: 'h, 'h>(
        &'a self,
        context: &Context<'a>,
        request: &Request<'a>,
        storage: Storage<'h>,
    ) -> (Decision<'a>, Option<Explanation<'a>>) {
        if !self.explain {
            return (decide(&self.settings, context, request, storage), None);
        }
        let (decision, explanation) = explain(&self.settings, context, request, storage);
        (decision, Some(explanation))
    }

    fn tracks(&self, context: &Context<'_>, decision: &Decision<'_>, sender: &Sender) -> Vec<Json> {
        let calls = calls(&self.settings, context, sender, self.moment, &decision.events);
        calls.iter().map(Call::to_json).collect()
    }

    fn sender(&self, options: Option<&Json>, storage: bool) -> Sender {
        let said = |name: &str| options.and_then(|options| options.get(name)).is_some_and(Json::is_truthy);
        let usage = Usage {
            storage,
            integrations: said("integrations"),
            polling: said("pollingInterval"),
            ..self.sender.usage
        };
        Sender { usage, ..self.sender.clone() }
    }
}

impl Answer {
    pub(super) fn into_fields(self) -> Vec<(&'static str, Json)> {
        let result = self.result.map_or(("resultUndefined", true.into()), |result| ("result", result));
        let mut fields = vec![result, ("sets", Json::Array(self.sets)), ("tracks", Json::Array(self.tracks))];
        fields.extend(self.steps.map(|steps| ("explain", steps)));
        fields
    }
}

fn read(case: &Json, launch: Launch) -> Result<untyped::Call<'_>, Refused> {
    match case.get("api").and_then(Json::as_str) {
        Some("push") => untyped::read_push(case.get("arguments").and_then(Json::as_array).unwrap_or_default(), launch),
        _ => untyped::read(case, launch),
    }
}

fn unknown(case: &Json) -> String {
    match case.get("api").and_then(Json::as_str) {
        Some(api) => format!("there is no call {api}"),
        None => "api says which call to make".to_owned(),
    }
}

/// What a client without settings answers.
fn nothing(request: &Request<'_>) -> Option<Json> {
    Some(match request {
        Request::FeatureEnabled(_) | Request::Push(_) => false.into(),
        _ => Json::Null,
    })
}

/// One set for each campaign: of the two by which the official SDK adds a goal, the one with the whole list.
fn once_each<'d, 'a>(sets: &'d [Set<'a>]) -> impl Iterator<Item = &'d Set<'a>> {
    let goals = |set: &Set<'_>| set.goal.as_deref().map_or(0, str::len);
    let longest = move |set: &'d Set<'a>| {
        sets.iter().filter(move |other| other.campaign == set.campaign).rev().max_by_key(|other| goals(other))
    };
    let first =
        move |place: usize, set: &Set<'_>| sets.iter().position(|other| other.campaign == set.campaign) == Some(place);
    sets.iter().enumerate().filter(move |(place, set)| first(*place, set)).filter_map(move |(_, set)| longest(set))
}

fn sentences(explanation: &Explanation<'_>) -> Json {
    Json::Array(explanation.steps.iter().map(|step| step.to_string().as_str().into()).collect())
}

/// As JSON writes it: what is no finite number is null.
fn written(json: Json) -> Json {
    match json {
        Json::Number(number) if !number.is_finite() => Json::Null,
        other => other,
    }
}
