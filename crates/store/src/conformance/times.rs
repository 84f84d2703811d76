//! Imports keep their times; retention ends, is renewed, and never shortens.
use super::scene::{Scene, claim, goals_of, held, hours_ago, in_hours, is_recent, lasting, left, put, told, variation};
use crate::{Imported, Offer, Outcome, Timestamp};
use std::time::Duration;

pub(super) async fn rule_1_an_import_keeps_its_times(s: Scene) {
    let (changed_at, decided_at) = (hours_ago(50), hours_ago(90));
    for (user, expires_at) in [("ends", Some(in_hours(5))), ("never ends", None)] {
        let imported = Some(Imported { changed_at, expires_at });
        let offer = Offer { imported, decided_at, lasts: Some(lasting(1_000)), ..s.offer(user, "v", &["g"]) };
        let created = claim(&s.one, &offer).await;
        assert_eq!(told(&created), (Outcome::Created, Some("v"), vec!["g"]));
        let now_held = left(&created);
        let times = (now_held.assigned_at, now_held.changed_at, now_held.expires_at);
        assert_eq!(times, (decided_at, changed_at, expires_at), "{user}");
        assert_eq!(held(&s.other, &offer.key).await, created.held);
    }
}

pub(super) async fn rule_1_an_expired_import_creates_nothing(s: Scene) {
    let imported = Some(Imported { changed_at: hours_ago(50), expires_at: Some(hours_ago(2)) });
    let offer = Offer { imported, ..s.offer("u", "v", &["g"]) };
    let nothing = claim(&s.one, &offer).await;
    assert_eq!(told(&nothing), (Outcome::Unchanged, None, vec![]));
    assert_eq!(held(&s.other, &offer.key).await, None);
    let created = claim(&s.one, &s.offer("u", "x", &["g"])).await;
    assert_eq!(told(&created), (Outcome::Created, Some("x"), vec!["g"]));
}

pub(super) async fn rule_2_an_import_does_not_change_the_times_of_what_is_held(s: Scene) {
    let created = claim(&s.one, &Offer { lasts: Some(lasting(100)), ..s.offer("u", "v", &["a"]) }).await;
    let times = Imported { changed_at: hours_ago(50), expires_at: Some(in_hours(1)) };
    let import = Offer { imported: Some(times), decided_at: hours_ago(90), ..s.offer("u", "v", &["b"]) };
    let joined = claim(&s.other, &Offer { lasts: Some(lasting(100)), ..import }).await;
    assert_eq!(told(&joined), (Outcome::Joined, Some("v"), vec!["b"]));
    let (before, after) = (left(&created), left(&joined));
    assert_eq!((after.assigned_at, after.expires_at), (before.assigned_at, before.expires_at));
    assert!(is_recent(after.changed_at), "it changed when it was joined");
}

pub(super) async fn rule_retention_counts_from_the_claim(s: Scene) {
    let offer = Offer { decided_at: hours_ago(500), lasts: Some(lasting(100)), ..s.offer("u", "v", &[]) };
    let created = claim(&s.one, &offer).await;
    let now_held = left(&created);
    let lasts = now_held.expires_at.map(|end| now_held.changed_at.until(end));
    assert_eq!(lasts, Some(lasting(100)), "from the store's now on, not from when it was decided");
    assert_eq!(held(&s.other, &offer.key).await, created.held);
}

pub(super) async fn rule_retention_ends(s: Scene) {
    let soon = Offer { lasts: Some(Duration::from_millis(30)), ..s.offer("u", "v", &["g"]) };
    claim(&s.one, &soon).await;
    for attempt in 0.. {
        // The other client may have a cache, which may not outlive what it caches either.
        let held = [held(&s.other, &soon.key).await, held(&s.one, &soon.key).await];
        if held == [None, None] {
            break;
        }
        assert!(attempt < 150, "30 ms have not ended after 3 s");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let again = claim(&s.other, &s.offer("u", "x", &["g"])).await;
    assert_eq!(told(&again), (Outcome::Created, Some("x"), vec!["g"]));
}

pub(super) async fn rule_retention_is_renewed_past_half(s: Scene) {
    let end = in_hours(1_000);
    put(&s.one, &[s.ending("u", "v", &["g"], end)]).await;
    held(&s.one, &s.key("u")).await; // known to a cache, which must see that there is something to renew
    for (hours, revision) in [(10, 1), (1_900, 1), (2_100, 2)] {
        let claimed = claim(&s.one, &Offer { lasts: Some(lasting(hours)), ..s.offer("u", "v", &["g"]) }).await;
        assert_eq!(told(&claimed), (Outcome::Unchanged, Some("v"), vec![]), "renewal does not show in the outcome");
        let now_held = left(&claimed);
        assert_eq!(now_held.revision, revision, "after a claim that lasts {hours} h");
        match revision {
            1 => assert_eq!(now_held.expires_at, Some(end), "more than half was left, and nothing is ever shortened"),
            _ => assert_eq!(now_held.expires_at, Some(now_held.changed_at.plus(lasting(hours)))),
        }
    }
    assert!(held(&s.other, &s.key("u")).await.is_some_and(|held| held.expires_at > Some(end)), "it is stored");
}

pub(super) async fn rule_retention_is_renewed_whoever_claims(s: Scene) {
    let imported = Some(Imported { changed_at: hours_ago(50), expires_at: None });
    let offers = ["goals", "imported", "loser", "winner"].map(|user| match user {
        "goals" => s.goals(user, &[]),
        "imported" => Offer { imported, ..s.offer(user, "x", &["h"]) },
        "loser" => s.offer(user, "x", &[]),
        _ => s.offer(user, "x", &[]).replacing(super::scene::name("v"), None),
    });
    for offer in offers {
        let end = in_hours(10);
        put(&s.one, &[s.ending(offer.key.user_id(), "v", &["g"], end)]).await;
        let claimed = claim(&s.other, &Offer { lasts: Some(lasting(100)), ..offer.clone() }).await;
        let now_held = left(&claimed);
        let user = offer.key.user_id();
        let goals = if user == "imported" { vec!["g", "h"] } else { vec!["g"] };
        assert_eq!((now_held.revision, goals_of(now_held)), (2, goals), "{user}");
        assert_eq!(now_held.expires_at, Some(now_held.changed_at.plus(lasting(100))), "{user}");
        assert_eq!(held(&s.one, &offer.key).await, claimed.held, "{user}: what was answered is held");
    }
}

pub(super) async fn rule_what_never_expires_stays_so(s: Scene) {
    put(&s.one, &[s.entry("u", "v", &[])]).await;
    for offer in [s.offer("u", "v", &["g"]), s.offer("u", "x", &[]), s.goals("u", &["h"])] {
        let claimed = claim(&s.one, &Offer { lasts: Some(lasting(1)), ..offer }).await;
        assert_eq!((variation(&claimed.held), left(&claimed).expires_at), (Some("v"), None));
    }
    let mut latest = s.entry("latest", "v", &[]);
    latest.assignment.expires_at = Some(Timestamp::MAX);
    put(&s.one, &[latest]).await;
    let claimed = claim(&s.other, &Offer { lasts: Some(lasting(1)), ..s.offer("latest", "v", &["g"]) }).await;
    assert_eq!(left(&claimed).expires_at, Some(Timestamp::MAX));
}
