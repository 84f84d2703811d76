//! `stayput demo`: what it shows is what happens.
use serde_json::Value;
use std::process::Command;

fn run(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_stayput")).arg("demo").args(arguments).output().expect("the binary");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn with_stayput_nobody_flips_and_nothing_is_counted_twice() {
    let shown: Value = serde_json::from_str(&run(&["--users", "500", "--json"])).expect("JSON");
    let days = shown["days"].as_array().expect("a list");
    let total = |world: &str, count: &str| -> u64 {
        days.iter().map(|day| day[world][count].as_u64().expect("a number")).sum()
    };
    assert_eq!(days.len(), 7);
    assert_eq!((total("with", "flipped"), total("with", "countedTwice")), (0, 0));
    assert!(total("without", "flipped") > 500, "most users flip at least once");
    assert!(total("without", "countedTwice") > 0);
    let sent = (total("without", "conversions"), total("with", "conversions"));
    // Without a store, whoever falls out of the traffic converts in vain.
    assert!(sent.1 >= sent.0 - total("without", "countedTwice"), "each user's first conversion counts");
    let users = |day: &Value| {
        day["with"]["variations"].as_object().expect("an object").values().filter_map(Value::as_u64).sum::<u64>()
    };
    assert!(days.iter().all(|day| users(day) == 500), "everybody sees something every day");
}

#[test]
fn people_get_a_table_and_a_plot() {
    let shown = run(&["--users", "200"]);
    assert!(
        shown.contains("day  what changes           flipped  with Stayput  counted twice  with Stayput\n"),
        "{shown}"
    );
    assert!(shown.contains("        with    0.0 %\n") && shown.contains("without █"), "{shown}");
}
