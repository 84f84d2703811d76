//! What an integration's callback is told.
use super::{
    collector::Collector,
    scene::{client, plain, settings, store},
};
use stayput_sdk::{Json, Options};
use std::sync::{Arc, Mutex};

#[tokio::test]
async fn a_callback_is_told_of_every_decision_in_the_official_form() {
    let (collector, told) = (Collector::start().await, Arc::new(Mutex::new(Vec::new())));
    let heard = told.clone();
    let launcher = client(&settings("B", ""), &collector)
        .store(store())
        .sdk("vwo-node-sdk", "1.73.0")
        .integration(move |payload: &Json| heard.lock().unwrap().push(serde_json::to_string(payload).unwrap()));
    let client = launcher.start().await.unwrap();
    client.track("ab", "Ashley", "g", &plain()).await.unwrap(); // not activated: no decision
    client.activate("ab", "Ashley", &Options::default().custom_variables([("plan", "pro")])).await.unwrap();
    client.get_variation_name("ab", "Ashley", &plain()).await.unwrap();
    client.track("ab", "Ashley", "g", &plain()).await.unwrap();
    client.is_feature_enabled("rollout", "Ashley", &plain()).await.unwrap();
    let expected = |stored: bool, more: &str, goal: &str, source: &str| {
        format!(
            r#"{{"fromUserStorageService":{stored},"isUserWhitelisted":false,"variationName":"B","variationId":2,"campaignId":7,"campaignKey":"ab","campaignType":"VISUAL_AB","campaignName":"n7",{more}"event":"CAMPAIGN_DECISION",{goal}"isForcedVariationEnabled":false,"sdkVersion":"1.73.0","source":"{source}","userId":"Ashley","variationTargetingVariables":{{}},"vwoUserId":"A46F7AA3A53150368683EE064793BAFD"}}"#
        )
    };
    let told = told.lock().unwrap().clone();
    assert_eq!(told.len(), 4);
    assert_eq!(told[0], expected(false, r#""customVariables":{"plan":"pro"},"#, "", "activate"));
    assert_eq!(told[1], expected(true, "", "", "getVariation"));
    assert_eq!(told[2], expected(true, "", r#""goalIdentifier":"g","#, "track"));
    assert!(told[3].contains(r#""isUserWhitelisted":false,"isFeatureEnabled":true,"campaignId":9,"#), "{}", told[3]);
    client.flush_events().await.unwrap();
    assert!(collector.received()[0].target.contains("&ap=server&ig=1&ss=1&_l=1&"));
}
