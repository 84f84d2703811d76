//! The tracking calls that the events of a decision amount to, in the form in which the corpus keeps them.
use super::launched::Launched;
use stayput_engine::{Context, Conversions, Event, GoalType, Json, Object, Settings};

const NOW: f64 = 1_700_000_000_000.0;
const HOST: &str = "https://dev.visualwebsiteoptimizer.com";

pub(crate) fn calls(
    settings: &Settings,
    context: &Context<'_>,
    launched: &Launched,
    events: &[Event<'_>],
) -> Vec<Json> {
    let maker = Maker { settings, context, launched, uuid: settings.vwo_uuid(context.user) };
    events.iter().flat_map(|event| maker.event(event)).collect()
}

struct Maker<'a> {
    settings: &'a Settings,
    context: &'a Context<'a>,
    launched: &'a Launched,
    uuid: String,
}

type Fields = Vec<(String, Json)>;

impl Maker<'_> {
    fn event(&self, event: &Event<'_>) -> Vec<Json> {
        let batch = self.launched.launch.batch;
        match event {
            Event::Shown { campaign, variation } => {
                let (campaign, variation) = (campaign.id.clone(), variation.id.clone().unwrap_or_default());
                if batch {
                    let mut fields = fields([("e", campaign), ("c", variation)]);
                    fields.extend(self.who());
                    fields.push(("eT".into(), 1.0.into()));
                    fields.extend(self.agent(false));
                    vec![queue(fields)]
                } else if self.settings.event_architecture {
                    let mut base = self.base("vwo_variationShown");
                    base.extend(self.usage());
                    base.push(("url".into(), self.url("/events/t")));
                    let props = fields([("id", campaign), ("variation", variation), ("isFirst", 1.0.into())]);
                    vec![post(base, self.payload("vwo_variationShown", props))]
                } else {
                    let mut query = fields([("experiment_id", campaign), ("combination", variation)]);
                    query.extend(self.agent(true));
                    query.extend(self.reporting());
                    query.extend(self.usage());
                    query.push(("ed".into(), r#"{"p":"server"}"#.into()));
                    query.push(("url".into(), self.url("/server-side/track-user")));
                    vec![get(query)]
                }
            }
            Event::Converted(conversions) if batch => {
                conversions.each.iter().map(|each| queue(self.item(each, self.agent(false), true))).collect()
            }
            Event::Converted(conversions) if self.settings.event_architecture => vec![self.metrics(conversions)],
            Event::Converted(conversions) if conversions.several => {
                // The official SDK passes its arguments one place off: the address stands where the agent should.
                let shifted = fields([
                    ("visitor_ua", self.context.ip_address.cloned().unwrap_or("".into())),
                    ("visitor_ip", "".into()),
                ]);
                let items = conversions.each.iter().map(|each| object(self.item(each, shifted.clone(), false)));
                let payload = object(fields([("ev", Json::Array(items.collect()))]));
                let mut query = fields([("a", self.settings.account.clone())]);
                query.extend(self.usage());
                vec![object(fields([("via", "BATCH".into()), ("payload", payload), ("query", object(query))]))]
            }
            Event::Converted(conversions) => {
                let each = &conversions.each[0];
                let mut query = fields([
                    ("experiment_id", each.campaign.id.clone()),
                    ("combination", each.variation.id.clone().unwrap_or_default()),
                ]);
                query.extend(self.reporting());
                query.extend(self.agent(true));
                query.push(("url".into(), self.url("/server-side/track-goal")));
                query.push(("goal_id".into(), each.goal.id.clone().unwrap_or_default()));
                if each.goal.kind == GoalType::Revenue
                    && let Some(revenue) = self.revenue()
                {
                    query.push(("r".into(), revenue));
                }
                vec![get(query)]
            }
            Event::Tagged(_) => Vec::new(),
        }
    }

    fn item(&self, each: &stayput_engine::Conversion<'_>, agent: Fields, properties: bool) -> Fields {
        let variation = each.variation.id.clone().unwrap_or_default();
        let mut item = fields([("e", each.campaign.id.clone()), ("c", variation)]);
        item.extend(self.who());
        item.push(("eT".into(), 2.0.into()));
        item.extend(agent);
        item.push(("g".into(), each.goal.id.clone().unwrap_or_default()));
        let revenue = self.revenue().filter(|_| each.goal.kind == GoalType::Revenue);
        let property = each.goal.revenue_property.as_ref().and_then(Json::as_str).unwrap_or("undefined");
        let carried = self.context.event_properties.filter(|_| properties && self.settings.event_architecture);
        let carried = carried.and_then(|properties| properties.get(property)).cloned();
        item.extend(revenue.or(carried).map(|revenue| ("r".to_owned(), revenue)));
        item
    }

    fn metrics(&self, conversions: &Conversions<'_>) -> Json {
        let metric = conversions
            .metrics()
            .into_iter()
            .map(|(campaign, goal)| (format!("id_{campaign}"), Json::Array(vec![format!("g_{goal}").as_str().into()])));
        let mut meta = fields([("metric", Json::Object(metric.collect()))]);
        if let Some(revenue) = self.revenue() {
            meta.extend(conversions.revenue_properties.iter().map(|property| (property.clone(), revenue.clone())));
        }
        let mut props = fields([("vwoMeta", object(meta)), ("isCustomEvent", true.into())]);
        let own = self.context.event_properties.and_then(Json::as_object);
        props.extend(own.into_iter().flat_map(Object::iter).map(|(key, value)| (key.to_owned(), value.clone())));
        let mut base = self.base(conversions.goal);
        base.push(("url".into(), self.url("/events/t")));
        post(base, self.payload(conversions.goal, props))
    }

    fn revenue(&self) -> Option<Json> {
        let falsy = |value: &&Json| [Json::Null, 0.0.into(), "".into(), false.into()].contains(*value);
        self.context.revenue.filter(|value| !falsy(value)).cloned()
    }
    fn who(&self) -> Fields {
        fields([("sId", (NOW / 1000.0).into()), ("u", self.uuid.as_str().into())])
    }
    fn agent(&self, encoded: bool) -> Fields {
        let text = |value: Option<&Json>| match value {
            Some(Json::String(text)) if encoded => encode(text).as_str().into(),
            Some(value) => value.clone(),
            None => "".into(),
        };
        fields([("visitor_ua", text(self.context.user_agent)), ("visitor_ip", text(self.context.ip_address))])
    }
    fn sdk_key(&self) -> Json {
        self.settings.sdk_key.as_deref().map_or(Json::Null, Json::from)
    }
    fn reporting(&self) -> Fields {
        let mut all = self.who();
        all.extend(fields([
            ("sdk", "vwo-node-sdk".into()),
            ("sdk-v", "1.73.0".into()),
            ("env", self.sdk_key()),
            ("account_id", self.settings.account.clone()),
            ("random", 0.5.into()),
            ("ap", "server".into()),
        ]));
        all
    }
    fn usage(&self) -> Fields {
        let launched = self.launched;
        let all = [
            ("eb", launched.launch.batch),
            ("ss", launched.storage),
            ("cl", true),
            ("tr", launched.launch.track_returning == Some(true)),
            ("gt", launched.launch.goal_types.is_some()),
            ("_l", true),
        ];
        all.into_iter().filter(|(_, set)| *set).map(|(name, _)| (name.to_owned(), 1.0.into())).collect()
    }
    fn base(&self, event: &str) -> Fields {
        let mut base = fields([
            ("en", event.into()),
            ("a", self.settings.account.clone()),
            ("env", self.sdk_key()),
            ("eTime", NOW.into()),
            ("random", 0.5.into()),
            ("p", "FS".into()),
        ]);
        base.extend(self.agent(true));
        base
    }
    fn payload(&self, event: &str, own: Fields) -> Json {
        let mut props = fields([
            ("vwo_sdkName", "vwo-node-sdk".into()),
            ("vwo_sdkVersion", "1.73.0".into()),
            ("vwo_envKey", self.sdk_key()),
        ]);
        props.extend(own);
        let visitor = object(fields([("vwo_fs_environment", self.sdk_key())]));
        let data = fields([
            ("msgId", format!("{}-{NOW}", self.uuid).as_str().into()),
            ("visId", self.uuid.as_str().into()),
            ("sessionId", (NOW / 1000.0).into()),
            ("event", object(fields([("props", object(props)), ("name", event.into()), ("time", NOW.into())]))),
            ("visitor", object(fields([("props", visitor)]))),
        ]);
        object(fields([("d", object(data))]))
    }
    fn url(&self, path: &str) -> Json {
        let prefix = self.settings.collection_prefix.as_deref().or(self.launched.earlier_prefix);
        let prefix = prefix.map(|prefix| format!("/{prefix}")).unwrap_or_default();
        format!("{HOST}{prefix}{path}").as_str().into()
    }
}

fn fields<const N: usize>(pairs: [(&str, Json); N]) -> Fields {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}
fn object(fields: Fields) -> Json {
    // undefined is left out; only an account without sdkKey brings one
    Json::Object(fields.into_iter().filter(|(_, value)| *value != Json::Null).collect())
}
fn get(query: Fields) -> Json {
    object(fields([("via", "GET".into()), ("properties", object(query))]))
}
fn post(query: Fields, payload: Json) -> Json {
    object(fields([("via", "POST".into()), ("properties", object(query)), ("payload", payload)]))
}
fn queue(event: Fields) -> Json {
    object(fields([("via", "QUEUE".into()), ("event", object(event))]))
}

/// `encodeURIComponent`
fn encode(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(byte);
    text.bytes().map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
