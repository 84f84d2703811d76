"""Node and Python on one store: what one of them decided or counted, the other neither decides nor counts again."""

import json, os, subprocess, unittest

import sdk
from report import main
from scene import activate, on_both, opened, until
from sdk import CAMPAIGN

USERS = [f"user-{number}" for number in range(100)]
EVEN, UNEVEN = {"Control": 50, "Variation-1": 50}, {"Control": 10, "Variation-1": 90}


class Both(unittest.TestCase):
    @on_both
    def test_who_was_decided_by_one_is_not_decided_anew_by_the_other(self, fresh):
        url = fresh()
        with opened(url) as storage, Node(url) as node:
            mine = activate(launched(storage, EVEN), USERS[::2])
            theirs = node("activate", users=USERS[1::2], weights=EVEN)
            storage.flush(timeout_ms=60_000)
            self.assertEqual(node("activate", users=USERS[::2], weights=UNEVEN), mine)
            self.assertEqual(activate(launched(storage, UNEVEN), USERS[1::2]), theirs)
            alone = activate(launched(None, UNEVEN), USERS)
            self.assertNotEqual(alone, [each for pair in zip(mine, theirs) for each in pair], "the control")

    @on_both
    def test_a_goal_counted_by_one_is_not_counted_by_the_other(self, fresh):
        url = fresh()
        with opened(url) as storage, Node(url) as node:
            client = launched(storage, EVEN)
            goals = lambda: [(storage.get(user, CAMPAIGN) or {}).get("goalIdentifiers") for user in USERS]
            track = lambda goal: [client.track(CAMPAIGN, user, goal)[CAMPAIGN] for user in USERS]
            activate(client, USERS)
            storage.flush(timeout_ms=60_000)
            node("activate", users=USERS, weights=EVEN)
            # Both have seen every user, and keep what they saw for a while.
            self.assertEqual((node("goals", users=USERS), goals()), ([None] * len(USERS),) * 2)
            self.assertEqual(track("g1"), [True] * len(USERS))
            storage.flush(timeout_ms=60_000)
            until(lambda: node("goals", users=USERS) == ["g1"] * len(USERS))
            self.assertEqual(node("track", users=USERS, goal="g1"), [False] * len(USERS))
            self.assertEqual(node("track", users=USERS, goal="g2"), [True] * len(USERS))
            until(lambda: goals() == ["g1_vwo_g2"] * len(USERS))
            self.assertEqual(track("g2"), [False] * len(USERS))
            self.assertEqual(track("g1"), [False] * len(USERS))
            self.assertEqual(node("goals", users=USERS), ["g1_vwo_g2"] * len(USERS))

    @on_both
    def test_a_holdout_that_one_adds_leaves_the_decision_that_the_other_stored(self, fresh):
        url = fresh()
        data = {"featureKey": "banner", "userId": "ann", "experimentId": 2, "experimentKey": "k", "experimentVariationId": 1}
        with opened(url) as storage, Node(url) as node:
            storage.fme().set(data)
            storage.flush(timeout_ms=60_000)
            self.assertEqual(node("fmeGet", feature="banner", user="ann"), data)
            node("fmeSet", data={"featureKey": "banner", "userId": "ann", "notInHoldoutId": [7]})
            held = until(lambda: "notInHoldoutId" in (found := storage.fme().get("banner", "ann")) and found)
            self.assertEqual(held, {**data, "notInHoldoutId": [7]})


class Node:
    """Node's half: both.js with the same store."""

    def __init__(self, url):
        script = os.path.join(os.path.dirname(__file__), "both.js")
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen(["node", script, url], text=True, bufsize=1, **pipes)

    def __call__(self, command, **given):
        print(json.dumps({"command": command, **given}), file=self.process.stdin)
        answer = self.process.stdout.readline()
        if not answer:
            raise AssertionError(f"Node ended with {self.process.wait(60)}")
        return json.loads(answer)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()


def launched(storage, weights):
    return sdk.launch(sdk.settings(**weights), storage)


if __name__ == "__main__":
    raise SystemExit(main())
