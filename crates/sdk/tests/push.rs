//! `push` as vwo-node-sdk 1.73.0 answered it: the corpus has no such rows, so these were made in the same way.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use flate2::read::GzDecoder;
use stayput_engine::{Json, Settings, Storage, decide, untyped};
use stayput_sdk::calls::{Call, Moment, Sender, Usage, calls};
use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

#[test]
fn tags_are_pushed_as_the_official_sdk_pushes_them() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rows = BufReader::new(GzDecoder::new(File::open(here.join("tests/data/push.jsonl.gz")).unwrap())).lines();
    let mut count = 0;
    for row in rows {
        let row = Json::parse(row.unwrap().as_bytes()).unwrap();
        let text = |name: &str| row.get(name).and_then(Json::as_str).unwrap();
        let file = format!("../engine/tests/data/corpus/settings/{}.json", text("settings"));
        let settings = Settings::parse(&std::fs::read(here.join(file)).unwrap()).unwrap();
        let launch = untyped::read_launch(row.get("launch").unwrap()).unwrap();
        let usage = Usage { storage: row.get("uss").is_some_and(Json::is_true), logger: true, ..Usage::default() };
        let sender =
            Sender { name: "vwo-node-sdk".to_owned(), version: "1.73.0".to_owned(), usage, ..Sender::default() };
        let (answer, tracks) = match untyped::read_push(row.get("arguments").unwrap().as_array().unwrap(), launch) {
            Ok(call) => {
                let decision = decide(&settings, &call.context, &call.request, Storage::None);
                let moment = Moment { milliseconds: 1_700_000_000_000, random: 0.5 };
                let calls = calls(&settings, &call.context, &sender, moment, &decision.events);
                (decision.answer, calls.iter().map(Call::to_json).collect())
            }
            Err(untyped::Refused::Arguments(answer)) => (answer, Vec::new()),
            Err(untyped::Refused::UnknownCall) => unreachable!(),
        };
        let shown = serde_json::to_string(&row).unwrap();
        assert_eq!(answer.to_json(launch.development).as_ref(), row.get("result"), "{shown}");
        assert_eq!(tracks, row.get("tracks").unwrap().as_array().unwrap(), "{shown}");
        count += 1;
    }
    assert_eq!(count, 1_170, "every row was looked at");
}
