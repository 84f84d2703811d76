//! Calls with arguments of any type, as JavaScript allows them: checked as the official SDK checks them.
use crate::{
    decision::{Answer, Pushed},
    js,
    json::{Json, Object},
    request::{Context, GoalTypes, Launch, Listed, Request, Targets},
};

/// A call whose arguments are right.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// What is asked.
    pub request: Request<'a>,
    /// Who asks, and with which options.
    pub context: Context<'a>,
}

/// A call that cannot be made.
#[derive(Clone, Debug, PartialEq)]
pub enum Refused {
    /// The arguments are wrong; this is the answer.
    Arguments(Answer<'static>),
    /// There is no such call.
    UnknownCall,
}

/// Reads `{api, campaignKey, userId, goalIdentifier?, variableKey?, options?}`, where a missing field is undefined.
pub fn read(case: &Json, launch: Launch) -> Result<Call<'_>, Refused> {
    let api = case.get("api").and_then(Json::as_str).unwrap_or_default();
    let refusal = match api {
        "activate" | "getVariationName" => Answer::Variation(None),
        "isFeatureEnabled" => Answer::Enabled(false),
        "getFeatureVariableValue" => Answer::Value(None),
        "track" => Answer::Tracked(None),
        _ => return Err(Refused::UnknownCall),
    };
    call(api, case, launch).ok_or(Refused::Arguments(refusal))
}

/// Reads the arguments of `push`: `[key, value, userId]` or `[tags, userId]`.
pub fn read_push(arguments: &[Json], launch: Launch) -> Result<Call<'_>, Refused> {
    push(arguments, launch).ok_or(Refused::Arguments(Answer::Pushed(Pushed::Refused)))
}

/// Reads what was said at launch; a wrong option makes the official client answer nothing at all.
pub fn read_launch(options: &Json) -> Option<Launch> {
    let truth = |name: &str| match options.get(name) {
        None => Some(None),
        Some(Json::Bool(truth)) => Some(Some(*truth)),
        Some(_) => None,
    };
    let goal_types = options.get("goalTypeToTrack").filter(|types| js::truthy(Some(types)));
    let batch = options.get("batchEvents").filter(|batch| js::truthy(Some(batch)));
    let at_least_1 = |name: &str| batch.and_then(|batch| batch.get(name)?.as_number()).filter(|number| *number >= 1.0);
    let size = at_least_1("eventsPerRequest").is_some_and(|size| size <= 5_000.0);
    let usable = size || at_least_1("requestTimeInterval").is_some();
    Some(Launch {
        track_returning: truth("shouldTrackReturningUser")?,
        goal_types: goal_types
            .map(|types| GoalTypes::named(types.as_str()?))
            .map_or(Some(None), |types| types.map(Some))?,
        batch: Some(batch.is_some()).filter(|batch| !batch || usable)?,
        development: truth("isDevelopmentMode")?.unwrap_or(false),
        integrations: false, // a function, which only its owner can see
    })
}

fn call<'a>(api: &str, case: &'a Json, launch: Launch) -> Option<Call<'a>> {
    let text = |name: &str| case.get(name).and_then(Json::as_str).filter(|text| !text.is_empty());
    let nothing: Option<&'a Object> = None;
    let options = match case.get("options") {
        None => nothing,
        Some(options) => Some(options.as_object()?),
    };
    let option = |name: &str| options.and_then(|options| options.get(name));
    let object = |name: &str| match option(name) {
        None => Some(None),
        Some(value) => value.as_object().map(Some),
    };
    let counts = matches!(api, "activate" | "isFeatureEnabled" | "track");
    let track_returning = match option("shouldTrackReturningUser").filter(|_| counts) {
        None => None,
        Some(Json::Bool(truth)) => Some(*truth),
        Some(_) => return None,
    };
    let goal_types = match option("goalTypeToTrack").filter(|_| api == "track") {
        None => None,
        Some(name) => Some(GoalTypes::named(name.as_str()?)?),
    };
    object("metaData")?;
    let context = Context {
        user: text("userId")?,
        custom_variables: object("customVariables")?,
        targeting_variables: object("variationTargetingVariables")?,
        user_storage_data: object("userStorageData")?,
        meta_data: option("metaData"),
        track_returning,
        goal_types,
        revenue: option("revenueValue"),
        event_properties: option("eventProperties"),
        user_agent: option("userAgent"),
        ip_address: option("userIpAddress"),
        launch,
    };
    let request = match api {
        "activate" => Request::Activate(text("campaignKey")?),
        "getVariationName" => Request::VariationName(text("campaignKey")?),
        "isFeatureEnabled" => Request::FeatureEnabled(text("campaignKey")?),
        "getFeatureVariableValue" => {
            Request::FeatureVariable { campaign: text("campaignKey")?, variable: text("variableKey")? }
        }
        _ => Request::Track { campaigns: targets(case.get("campaignKey"))?, goal: text("goalIdentifier")? },
    };
    Some(Call { request, context })
}

fn targets(specifier: Option<&Json>) -> Option<Targets<'_>> {
    match specifier {
        None | Some(Json::Null) => Some(Targets::WithGoal),
        Some(Json::String(key)) if !key.is_empty() => Some(Targets::One(key)),
        Some(Json::Array(keys)) => keys.iter().map(listed).collect::<Option<_>>().map(Targets::Several),
        Some(_) => None,
    }
}

fn listed(key: &Json) -> Option<Listed<'_>> {
    match key {
        Json::String(key) => Some(Listed::Key(key)),
        odd => js::text(odd).ok().map(Listed::Odd),
    }
}

fn push(arguments: &[Json], launch: Launch) -> Option<Call<'_>> {
    let text = |argument: &'_ Json| argument.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let (tags, user) = match arguments {
        [tags, user] => {
            let tags = tags.as_object().filter(|tags| !tags.is_empty())?;
            let written = |value: &Json| value.as_str().map_or_else(|| js::stringify(value), str::to_owned);
            (tags.iter().map(|(key, value)| (key.to_owned(), written(value))).collect(), user)
        }
        [key, value, user] => {
            let (key, value) = (text(key)?, text(value)?);
            let long = |text: &str| text.encode_utf16().count() > 255;
            if long(&key) || long(&value) || (key == " " && value == " ") {
                return None;
            }
            let absent = key == " " || value == " " || key == "__proto__"; // a space stands for nothing
            (if absent { Vec::new() } else { vec![(key, value)] }, user)
        }
        _ => return None,
    };
    let user = user.as_str().filter(|user| !user.is_empty())?;
    Some(Call { request: Request::Push(tags), context: Context { user, launch, ..Context::default() } })
}
