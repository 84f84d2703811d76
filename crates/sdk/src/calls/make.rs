//! The fields and bodies of tracking calls, in the official order.
use super::{Call, Fields, Moment, Sender, address, defined, reporting};
use stayput_engine::{Context, Conversion, Conversions, Event, GoalType, Json, Launch, Settings};
use std::borrow::Cow;

/// Makes the calls of one decision.
pub(super) struct Maker<'a> {
    settings: &'a Settings,
    context: &'a Context<'a>,
    sender: &'a Sender,
    moment: Moment,
    uuid: String,
}

impl<'a> Maker<'a> {
    pub(super) fn new(settings: &'a Settings, context: &'a Context<'a>, sender: &'a Sender, moment: Moment) -> Self {
        Self { settings, context, sender, moment, uuid: settings.vwo_uuid(context.user) }
    }

    pub(super) fn event(&self, event: &Event<'_>) -> Vec<Call> {
        let batch = self.context.launch.batch;
        let posts = self.settings.event_architecture;
        match event {
            Event::Shown { campaign, variation } => {
                vec![self.shown(campaign.id.clone(), variation.id.clone())]
            }
            Event::Converted(conversions) if batch => {
                let items = conversions.each.iter().map(|each| self.item(each, self.agent(false), true));
                items.map(Call::Queue).collect()
            }
            Event::Converted(conversions) if posts => vec![self.posted_goal(conversions)],
            Event::Converted(conversions) if conversions.several => {
                // The official SDK passes its arguments one place off: the address stands where the agent should.
                let address = self.context.ip_address.cloned().unwrap_or("".into());
                let shifted = fields([("visitor_ua", address), ("visitor_ip", "".into())]);
                let items = conversions.each.iter().map(|each| self.item(each, shifted.clone(), false));
                vec![self.batch(items.collect())]
            }
            Event::Converted(conversions) => conversions.each.iter().take(1).map(|each| self.goal(each)).collect(),
            Event::Tagged(tags) if batch => {
                tags.iter().map(|(key, value)| Call::Queue(self.tag_item(key, value))).collect()
            }
            Event::Tagged(tags) if posts => vec![self.posted_tags(tags)],
            Event::Tagged(tags) => vec![match tags.as_slice() {
                [(key, value)] => self.tag(key, value),
                several => self.batch(several.iter().map(|(key, value)| self.tag_item(key, value)).collect()),
            }],
        }
    }

    /// Who saw a variation.
    pub(super) fn shown(&self, campaign: Json, variation: Option<Json>) -> Call {
        let campaign = Some(campaign);
        match (self.context.launch.batch, self.settings.event_architecture) {
            (true, _) => self.queued_visitor(campaign, variation),
            (false, true) => self.posted_visitor(campaign, variation),
            (false, false) => self.visitor(campaign, variation),
        }
    }

    fn visitor(&self, campaign: Option<Json>, variation: Option<Json>) -> Call {
        let mut query = vec![named("experiment_id", campaign), named("combination", variation)];
        query.extend(self.agent(true));
        query.extend(self.base());
        query.extend(usage(self.context.launch, self.sender));
        query.extend(fields([("ed", r#"{"p":"server"}"#.into()), ("url", self.url("/server-side/track-user"))]));
        Call::Get(query)
    }

    fn queued_visitor(&self, campaign: Option<Json>, variation: Option<Json>) -> Call {
        let mut item = vec![named("e", campaign), named("c", variation)];
        item.extend(self.who());
        item.extend(fields([("eT", 1.0.into())]));
        item.extend(self.agent(false));
        Call::Queue(object(&item))
    }

    fn posted_visitor(&self, campaign: Option<Json>, variation: Option<Json>) -> Call {
        let own = vec![named("id", campaign), named("variation", variation), named("isFirst", Some(1.0.into()))];
        let usage = usage(self.context.launch, self.sender);
        self.post("vwo_variationShown", self.agent(true), usage, own, Fields::new())
    }

    fn goal(&self, each: &Conversion<'_>) -> Call {
        let mut query = vec![
            named("experiment_id", Some(each.campaign.id.clone())),
            named("combination", each.variation.id.clone()),
        ];
        query.extend(self.base());
        query.extend(self.agent(true));
        query.extend([named("url", Some(self.url("/server-side/track-goal"))), named("goal_id", each.goal.id.clone())]);
        query.extend(self.revenue_of(each).map(|revenue| named("r", Some(revenue))));
        Call::Get(query)
    }

    /// A goal in a batch.
    fn item(&self, each: &Conversion<'_>, agent: Fields, carries_properties: bool) -> Json {
        let mut item = vec![named("e", Some(each.campaign.id.clone())), named("c", each.variation.id.clone())];
        item.extend(self.who());
        item.extend(fields([("eT", 2.0.into())]));
        item.extend(agent);
        item.push(named("g", each.goal.id.clone()));
        let carried = || {
            let property = each.goal.revenue_property.as_ref().map_or("undefined".to_owned(), Json::spelled);
            let properties = self.context.event_properties.filter(|_| self.settings.event_architecture)?;
            properties.get(&property).filter(|_| carries_properties).cloned()
        };
        item.extend(self.revenue_of(each).or_else(carried).map(|revenue| named("r", Some(revenue))));
        object(&item)
    }

    fn posted_goal(&self, conversions: &Conversions<'_>) -> Call {
        let metric = conversions.metrics().into_iter().map(|(campaign, goal)| {
            let goals = Json::Array(vec![format!("g_{goal}").as_str().into()]);
            (format!("id_{campaign}"), goals)
        });
        let mut meta = fields([("metric", Json::Object(metric.collect()))]);
        if let Some(revenue) = self.revenue() {
            meta.extend(
                conversions.revenue_properties.iter().map(|property| named(property.clone(), Some(revenue.clone()))),
            );
        }
        let mut own = fields([("vwoMeta", object(&meta)), ("isCustomEvent", true.into())]);
        own.extend(enumerated(self.context.event_properties));
        self.post(conversions.goal, self.agent(true), Fields::new(), own, Fields::new())
    }

    fn tag(&self, key: &str, value: &str) -> Call {
        let pair = Json::Object([(encode(key), Json::String(encode(value)))].into_iter().collect());
        let mut query = self.base();
        query.push(named("url", Some(self.url("/server-side/push"))));
        query.push(named("tags", Some(written(&object(&fields([("u", pair)]))))));
        Call::Get(query)
    }

    /// A tag in a batch.
    fn tag_item(&self, key: &str, value: &str) -> Json {
        let pair = Json::Object([(key.to_owned(), value.into())].into_iter().collect());
        let text = written(&object(&fields([("u", pair)])));
        let mut item = self.who();
        item.extend(fields([("eT", 3.0.into()), ("t", encode(text.as_str().unwrap_or_default()).as_str().into())]));
        object(&item)
    }

    fn posted_tags(&self, tags: &[(String, String)]) -> Call {
        let kept = tags.iter().filter(|(key, _)| key != "__proto__"); // an assignment to it is lost
        let visitor = kept.map(|(key, value)| named(key.clone(), Some(value.as_str().into()))).collect();
        let nobody = fields([("visitor_ua", "".into()), ("visitor_ip", "".into())]);
        self.post("vwo_syncVisitorProp", nobody, Fields::new(), fields([("isCustomEvent", true.into())]), visitor)
    }

    fn batch(&self, events: Vec<Json>) -> Call {
        Call::Batch { events, query: batch_query(self.settings, self.context.launch, self.sender) }
    }

    /// A call of the event architecture.
    fn post(&self, event: &str, agent: Fields, usage: Fields, own: Fields, visitor: Fields) -> Call {
        let now = Json::from(self.moment.milliseconds as f64);
        let key = self.settings.sdk_key.as_deref().map(Json::from);
        let mut query = vec![
            named("en", Some(event.into())),
            named("a", Some(self.settings.account.clone())),
            named("env", key.clone()),
            named("eTime", Some(now.clone())),
            named("random", Some(self.moment.random.into())),
            named("p", Some("FS".into())),
        ];
        query.extend(agent);
        query.extend(usage);
        query.push(named("url", Some(self.url("/events/t"))));
        let mut props = vec![
            named("vwo_sdkName", Some(self.sender.name.as_str().into())),
            named("vwo_sdkVersion", Some(self.sender.version.as_str().into())),
            named("vwo_envKey", key.clone()),
        ];
        props.extend(own);
        let mut visitor_props = vec![named("vwo_fs_environment", key)];
        visitor_props.extend(visitor);
        let data = fields([
            ("msgId", format!("{}-{}", self.uuid, self.moment.milliseconds).as_str().into()),
            ("visId", self.uuid.as_str().into()),
            ("sessionId", self.seconds()),
            ("event", object(&fields([("props", object(&props)), ("name", event.into()), ("time", now)]))),
            ("visitor", object(&fields([("props", object(&visitor_props))]))),
        ]);
        Call::Post { query, payload: object(&fields([("d", object(&data))])) }
    }

    fn revenue(&self) -> Option<Json> {
        self.context.revenue.filter(|value| value.is_truthy()).cloned()
    }
    fn revenue_of(&self, each: &Conversion<'_>) -> Option<Json> {
        self.revenue().filter(|_| each.goal.kind == GoalType::Revenue)
    }
    fn seconds(&self) -> Json {
        Json::Number((self.moment.milliseconds as f64 / 1000.0).ceil())
    }
    fn who(&self) -> Fields {
        fields([("sId", self.seconds()), ("u", self.uuid.as_str().into())])
    }
    fn base(&self) -> Fields {
        let mut base = self.who();
        base.extend(reporting(self.settings, self.sender));
        base.extend(fields([
            ("account_id", self.settings.account.clone()),
            ("random", self.moment.random.into()),
            ("ap", "server".into()),
        ]));
        base
    }
    fn agent(&self, encoded: bool) -> Fields {
        let text = |value: Option<&Json>| match value {
            Some(value) if encoded && value.is_truthy() => encode(&value.spelled()).as_str().into(),
            Some(value) => value.clone(),
            None => "".into(),
        };
        fields([("visitor_ua", text(self.context.user_agent)), ("visitor_ip", text(self.context.ip_address))])
    }
    fn url(&self, path: &str) -> Json {
        address(self.settings, self.sender, path).as_str().into()
    }
}

/// What every batch says first.
pub(super) fn batch_query(settings: &Settings, launch: Launch, sender: &Sender) -> Fields {
    let mut query = fields([("a", settings.account.clone())]);
    query.extend(usage(launch, sender));
    query
}

fn usage(launch: Launch, sender: &Sender) -> Fields {
    let one = |set: bool| f64::from(u8::from(set));
    let usage = sender.usage;
    let all = [
        ("eb", one(launch.batch)),
        ("ig", one(usage.integrations)),
        ("ss", one(usage.storage)),
        ("cl", one(usage.logger)),
        ("ll", f64::from(usage.log_level)),
        ("tr", one(launch.track_returning == Some(true))),
        ("gt", one(launch.goal_types.is_some())),
        ("pi", one(usage.polling)),
    ];
    let mut set: Fields =
        all.into_iter().filter(|(_, value)| *value != 0.0).map(|(key, value)| named(key, Some(value.into()))).collect();
    if !set.is_empty() {
        set.push(named("_l", Some(1.0.into())));
    }
    set
}

/// What `for … in` finds in a value.
fn enumerated(value: Option<&Json>) -> Fields {
    match value {
        Some(Json::Object(object)) => {
            let own = object.iter().filter(|(key, _)| *key != "__proto__"); // an assignment to it is lost
            own.map(|(key, value)| named(key.to_owned(), Some(value.clone()))).collect()
        }
        Some(Json::Array(items)) => {
            items.iter().enumerate().map(|(place, item)| named(place.to_string(), Some(item.clone()))).collect()
        }
        Some(Json::String(text)) => {
            let letters = text.chars().enumerate();
            letters.map(|(place, letter)| named(place.to_string(), Some(letter.to_string().as_str().into()))).collect()
        }
        _ => Fields::new(),
    }
}

fn named(key: impl Into<Cow<'static, str>>, value: Option<Json>) -> (Cow<'static, str>, Option<Json>) {
    (key.into(), value)
}
fn fields<const N: usize>(pairs: [(&'static str, Json); N]) -> Fields {
    pairs.into_iter().map(|(key, value)| named(key, Some(value))).collect()
}
fn object(fields: &Fields) -> Json {
    Json::Object(defined(fields))
}
/// `JSON.stringify(value)`
fn written(value: &Json) -> Json {
    Json::String(serde_json::to_string(value).unwrap_or_default())
}

/// `encodeURIComponent`
fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte);
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if plain(byte) { encoded.push(char::from(byte)) } else { encoded.push_str(&format!("%{byte:02X}")) }
    }
    encoded
}
