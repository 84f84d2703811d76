"""VWO's FME SDK with the storage. A server here plays VWO's: it gives the settings and takes the events. The SDK's package is
called `vwo`, as that of its predecessor is, and its timers never end: hence a process of its own, for these tests alone."""

import contextlib, http.server, importlib.metadata, json, os, pathlib, re, threading, unittest

from report import main
from scene import fresh, on_both, opened
from stayput import StayputError

FLAG = "banner"
USERS = [f"user-{number}" for number in range(1_000 if os.environ.get("STAYPUT_LONG") == "1" else 100)]
NOTHING = type("Nothing", (), {"get": lambda *_: None, "set": lambda *_: None})()


class Fme(unittest.TestCase):
    @on_both
    def test_decisions_stay_after_the_allocation_changes(self, fresh):
        url, changed = fresh(), settings(rollout=10, experiment={"A": 10, "B": 90})
        before = decided(url, settings(experiment={"A": 50, "B": 50}))
        self.assertEqual(set(before.values()), {"A", "B"})
        self.assertEqual(decided(url, changed), before)
        alone = seen(changed, NOTHING)
        kept = sum(alone[user] == before[user] for user in USERS)
        self.assertLess(kept, len(USERS) / 4, f"the control keeps {kept}")

    @on_both
    def test_a_new_experiment_joins_the_rollout_and_erases_nobodys_decision(self, fresh):
        url = fresh()
        rollout = decided(url, settings(rollout=50))
        enabled = [user for user in USERS if rollout[user]]
        self.assertTrue(len(USERS) / 3 < len(enabled) < len(USERS) * 2 / 3, len(enabled))
        first = decided(url, settings(rollout=1, experiment={"A": 50, "B": 50}))
        self.assertEqual({first[user] for user in enabled}, {"A", "B"}, "the rollout stays, an experiment joins it")
        again = decided(url, settings(rollout=1, experiment={"A": 1, "B": 99}))
        self.assertEqual([again[user] for user in enabled], [first[user] for user in enabled])

    @on_both
    def test_a_new_holdout_erases_nobodys_decision(self, fresh):
        url, plain = fresh(), Plain()
        half, held_out = {"A": 50, "B": 50}, {"holdouts": [(7, 40), (8, 0)]}
        later = settings(experiment={"A": 1, "B": 99}, **held_out)
        before = decided(url, settings(experiment=half))
        self.assertEqual(decided(url, settings(experiment=half, **held_out)), before)
        self.assertEqual(decided(url, later), before, "after the SDK has written what it knows of the holdouts")
        with opened(url) as storage:
            for user in USERS:
                held = storage.fme().get(FLAG, user)
                self.assertEqual(held["notInHoldoutId"], [7, 8])
                self.assertEqual((held["experimentId"], held["experimentVariationId"]), (2, "AB".index(before[user]) + 1))
        self.assertEqual(seen(settings(experiment=half), plain), before)
        self.assertEqual(seen(settings(experiment=half, **held_out), plain), before)
        self.assertNotEqual(seen(later, plain), before, "the control: a dict forgets them for the holdouts' sake")

    @on_both
    def test_who_is_in_a_holdout_stays_there(self, fresh):
        url = fresh()
        before = decided(url, settings(experiment={"A": 50, "B": 50}, holdouts=[(7, 40), (8, 0)]))
        outside = [user for user in USERS if before[user]]
        self.assertTrue(len(USERS) / 2 < len(outside) < len(USERS) * 0.7, len(outside))
        after = decided(url, settings(experiment={"A": 1, "B": 99}, holdouts=[(7, 1), (8, 0), (9, 0)]))
        self.assertEqual(after, before, "a smaller holdout lets nobody go, and nobody else is decided anew")

    @on_both
    def test_threads_of_one_process_share_one_storage(self, fresh):
        url, half = fresh(), settings(experiment={"A": 50, "B": 50})
        with opened(url) as storage, launched(half, storage.fme()) as client:
            found = [{}, {}]
            work = lambda mine: mine.update((user, shown(client, user)) for user in USERS[:50])
            threads = [threading.Thread(target=work, args=(each,)) for each in found]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual(found[0], found[1])
        after = decided(url, settings(experiment={"A": 1, "B": 99}))
        self.assertEqual({user: after[user] for user in USERS[:50]}, found[0])

    @on_both
    def test_the_official_cases_give_what_they_expect_and_the_same_again_from_what_was_stored(self, fresh):
        url, ran = fresh(), 0
        for ran, (settings, case) in enumerate(official_cases(), 1):
            expected, user = dict(case["expectation"]), case["context"]["id"]
            stored = expected.pop("storageData", {})
            with opened(url, scope=f"case-{ran}") as storage:
                connector = storage.fme()
                with launched(settings, connector) as client:
                    self.assertEqual(answer(client, case), expected, case["description"])
                    storage.flush(timeout_ms=60_000)
                    held = connector.get(case["featureKey"], user) or {}
                    for field in stored.keys() - {"rolloutKey"}:  # this SDK names a rollout after another rule than those expect
                        self.assertEqual(held.get(field), stored[field], case["description"])
                    self.assertEqual(answer(client, case), expected, case["description"])
        self.assertEqual(ran, 27)

    def test_what_cannot_be_stored_is_refused_and_what_is_hostile_harms_nobody(self):
        cyclic = {}
        cyclic["cyclic"] = cyclic
        with opened("memory:") as storage:
            connector = storage.fme()
            get, put = connector.get, connector.set
            self.assertIsNone(get(FLAG, "\ud800"))
            self.assertIsNone(get(7, "ann"))
            bad = [None, 7, cyclic, {"userId": "ann"}, {"featureKey": FLAG, "userId": "ann", "rolloutId": 1}]
            for data in bad:
                self.assertIsNone(put(data))
            put({"featureKey": FLAG, "userId": "ann", "rolloutId": None})
            self.assertEqual(get(FLAG, "ann"), {"userId": "ann", "featureKey": FLAG})
            self.assertIsNone(storage.get("ann", FLAG), "records of the classic SDK are others")
            self.assertEqual(storage.stats()["invalid"], len(bad) + 2)
        self.assertIsNone(get(FLAG, "ann"), "closed")

    def test_nobody_could_tell_is_no_answer_or_an_error(self):
        for on_miss in ("bucket", "raise"):
            url = fresh("redis")
            with opened(url) as storage:
                storage.fme().set(decision(1))
            with opened(url, deadline_ms=0, on_miss=on_miss) as hasty:
                if on_miss == "raise":
                    with self.assertRaises(StayputError):
                        hasty.fme().get(FLAG, "ann")
                else:
                    self.assertIsNone(hasty.fme().get(FLAG, "ann"))
                hasty.fme().set(decision(2))
            with opened(url) as storage:
                self.assertEqual(storage.fme().get(FLAG, "ann")["experimentVariationId"], 1, "the first one stays")


class Plain:
    """What documentation shows: the last one stays."""

    def __init__(self):
        self.held = {}

    def get(self, feature, user):
        return self.held.get((feature, user))

    def set(self, data):
        self.held[data["featureKey"], data["userId"]] = data


class Vwo(http.server.BaseHTTPRequestHandler):
    protocol_version, settings = "HTTP/1.1", {}

    def do_GET(self):
        self.answer(self.settings)

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer({})

    def answer(self, body):
        body = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def official_cases():
    """What VWO tests its SDKs with; those about salts compare two features, and store what others do."""
    folder = os.environ["STAYPUT_FME_CASES"]
    with open(os.path.join(folder, "index.js")) as file:
        files = dict(re.findall(r"(\w+): require\('(.+?)'\)", file.read()))
    read = lambda name: json.loads(pathlib.Path(folder, files[name]).read_text())
    for group, cases in read("GETFLAG_TESTS").items():
        if group != "GETFLAG_WITH_SALT":
            yield from ((read(case["settings"]), case) for case in cases)


def answer(client, case):
    """In the words of the official cases."""
    context = {"id": case["context"]["id"], "custom_variables": case["context"].get("customVariables", {})}
    flag = client.get_flag(case["featureKey"], context)
    defaults = {"int": 1, "string": "VWO", "float": 1.1, "boolean": False, "json": {}}
    variables = {f"{name}Variable": flag.get_variable(name, default) for name, default in defaults.items()}
    return {"isEnabled": flag.is_enabled(), **variables}


def decided(url, settings):
    """What every user sees, through a storage opened for this."""
    with opened(url) as storage:
        return seen(settings, storage.fme())


def seen(settings, connector):
    with launched(settings, connector) as client:
        return {user: shown(client, user) for user in USERS}


def shown(client, user):
    """A name, or False."""
    flag = client.get_flag(FLAG, {"id": user})
    return flag.is_enabled() and flag.get_variable("name", "none")


@contextlib.contextmanager
def launched(settings, connector):
    import vwo

    Vwo.settings = settings
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Vwo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    client = vwo.init(
        {
            "account_id": "888888", "sdk_key": "key", "storage": connector, "is_usage_stats_disabled": True,
            "proxy_url": f"http://127.0.0.1:{server.server_port}", "logger": {"level": "ERROR"},
            "batch_event_data": {"events_per_request": 5000, "request_time_interval": 86_400},
        }
    )
    try:
        yield client
    finally:
        server.shutdown()
        server.server_close()


def settings(rollout=100, experiment=None, holdouts=()):
    """A feature with a rollout to a share of all users, an experiment by its weights, and holdouts of shares of all users."""
    variables = lambda value: [{"id": 1, "key": "name", "type": "string", "value": value}]
    variation = lambda name, id, weight: {"id": id, "name": name, "weight": weight, "segments": {}, "variables": variables(name)}
    campaign = lambda id, type, variations: {
        "id": id, "type": type, "key": f"{FLAG}_{id}", "name": f"{FLAG}_{id}", "status": "RUNNING", "percentTraffic": 100,
        "segments": {}, "variations": variations,
    }
    campaigns = [campaign(1, "FLAG_ROLLOUT", [variation("rollout", 1, rollout)])]
    rules = [{"type": "FLAG_ROLLOUT", "ruleKey": "rule1", "campaignId": 1, "variationId": 1}]
    if experiment:
        variations = [variation(name, id, weight) for id, (name, weight) in enumerate(experiment.items(), 1)]
        campaigns.append(campaign(2, "FLAG_TESTING", variations))
        rules.append({"type": "FLAG_TESTING", "ruleKey": "rule2", "campaignId": 2})
    feature = {
        "id": 1, "key": FLAG, "name": FLAG, "type": "FEATURE", "status": "ON", "metrics": [], "rules": rules,
        "variables": variables("default"),
    }
    holdout = lambda id, share: {
        "id": id, "name": f"holdout-{id}", "percentTraffic": share, "segments": {}, "isGlobal": True, "featureIds": [], "metrics": [],
    }
    return {
        "accountId": 888888, "sdkKey": "key", "version": 1, "features": [feature], "campaigns": campaigns,
        "holdouts": [holdout(*each) for each in holdouts],
    }


def decision(variation):
    return {"featureKey": FLAG, "userId": "ann", "experimentId": 2, "experimentKey": f"{FLAG}_2", "experimentVariationId": variation}


if __name__ == "__main__":
    print("vwo-fme-python-sdk", importlib.metadata.version("vwo-fme-python-sdk"))
    os._exit(main())
