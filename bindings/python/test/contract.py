"""What the object promises by itself: types, errors, hostile data, threads, and the end of a program."""

import json, os, subprocess, sys, threading, unittest

import redis
from scene import PATIENCE, Paused, fresh, on_both, opened, record, until
from sdk import CAMPAIGN
from stayput import StayputError, UserStorage

AWAY = "redis://127.0.0.1:1"


class Contract(unittest.TestCase):
    @on_both
    def test_what_is_set_is_shown_at_once_as_a_fresh_dict_and_to_others_after_a_flush(self, fresh):
        url = fresh()
        with opened(url) as storage, opened(url) as other, opened(url, scope="staging") as scoped:
            self.assertIsNone(storage.get("ann", CAMPAIGN))
            ann = record("ann", "Control", goalIdentifiers="a_vwo_b")
            ben = record("ben", "Control", metaData={"plan": "gold", "nested": [1, {"a": None}]}, custom="é😀")
            self.assertIsNone(storage.set(ann))
            storage.set(ben)
            self.assertEqual([storage.get(user, CAMPAIGN) for user in ("ann", "ben")], [ann, ben])
            storage.flush()
            read = other.get("ben", CAMPAIGN)
            self.assertEqual((read, other.get("ann", CAMPAIGN)), (ben, ann))
            read["variationName"] = read["metaData"]["plan"] = "changed by its owner"
            self.assertEqual(other.get("ben", CAMPAIGN), ben)
            self.assertIsNone(other.get("ann", "another"))
            self.assertIsNone(scoped.get("ann", CAMPAIGN))

    @on_both
    def test_hostile_ids_and_records_never_raise_or_reach_anybody_else_and_are_counted(self, fresh):
        class Thrower(dict):
            def items(self):
                raise RuntimeError("mine")

        cyclic = record("ann", "Control")
        cyclic["metaData"] = cyclic
        deep = json.loads("[" * 500 + "]" * 500)
        records = [
            None, 1, "text", [], {}, object(), b"bytes", cyclic, Thrower(a=1), record(1, "Control"), record("ann", 7),
            record("ann", ["Control"]), record("ann", "Control", goalIdentifiers=7), record("x" * 10_240, "Control"),
            record("\ud800", "Control"), record("ann", "\udc00"), record("", "Control"), record("a\0b", "Control"),
            record("ann", "Control", metaData="x" * 20_000), record("ann", "Control", metaData={"n": float("nan")}),
            record("ann", "Control", metaData=deep), record("ann", "Control", metaData={1, 2}),
        ]
        ids = [None, 1, {}, [], b"ann", object(), "", "x" * 10_240, "\ud800", "\udc00x", "a\0b"]
        odd = ["__proto__", "__class__", "a:b", " ", "e\u0301", "é", "😀", "../..", "%00", "{}", "%s"]
        with opened(fresh()) as storage:
            for each in records:
                self.assertIsNone(storage.set(each))
            for id in ids:
                self.assertIsNone(storage.get(id, CAMPAIGN))
                self.assertIsNone(storage.get("ann", id))
                with self.assertRaises(StayputError) as raised:
                    storage.prefetch(id)
                self.assertEqual(raised.exception.kind, "invalid")
            stats = storage.stats()
            self.assertEqual((stats["invalid"], stats["sets"]), (len(records) + 2 * len(ids), 0), stats)
            self.assertIsNone(storage.get("ann", CAMPAIGN))
            self.assertIsNone(storage.get("\ufffd", CAMPAIGN), "what a lone surrogate would become")
            for number, id in enumerate(odd):
                storage.set({"userId": id, "campaignKey": id, "variationName": f"V{number}"})
            storage.flush()
            self.assertEqual([storage.get(id, id)["variationName"] for id in odd], [f"V{n}" for n in range(len(odd))])
            self.assertIsNone(storage.get("__proto__", "__class__"))
            for each in (cyclic, record(1, "Control")):
                with self.assertRaises(StayputError):
                    storage.claim(each)

    def test_rubbish_in_the_store_and_records_of_others_are_told_from_absence_and_counted(self):
        url = fresh("redis")
        prefix, users = url.partition("prefix=")[2], [f"user-{number}" for number in range(20)]
        rubbish = [b"", b"rubbish", b'{"userId":"eve"}', b"\xff" * 10_240, b"\x01\xff\xff\xff\xff\x0f"]
        raw = redis.Redis.from_url(os.environ["STAYPUT_TEST_REDIS"])
        with opened(url) as storage:
            for user in users:
                storage.set(record(user, "Control"))
            storage.flush()
        spoilt = 0
        for key in raw.keys(f"{prefix}*"):
            if raw.type(key) == b"hash":
                for field in raw.hkeys(key):
                    raw.hset(key, field, rubbish[spoilt % len(rubbish)])
                spoilt += 1
        raw.close()
        self.assertEqual(spoilt, len(users))
        with opened(url, near_cache=False) as storage:
            self.assertEqual({storage.get(user, CAMPAIGN) for user in users}, {None})
            stats = storage.stats()
            self.assertGreaterEqual(min(stats["unknown"], stats["errors"]), len(users), stats)

    def test_open_raises_on_a_wrong_url_or_option(self):
        for url in ("nowhere://x", "memory:?wrong=1", ""):
            with self.assertRaises(StayputError) as raised:
                UserStorage.open(url)
            self.assertEqual(raised.exception.kind, "invalid")
        for options in ({"scope": ""}, {"deadline_ms": -1}, {"connect_ms": float("nan")}, {"on_miss": "off"}):
            with self.assertRaises((StayputError, ValueError)):
                UserStorage.open("memory:", **options)
        for options in ({"deadlineMs": 1}, {"deadline_ms": "20"}, {"near_cache": "yes"}, {"scope": 7}, {"on_error": 1}):
            with self.assertRaises(TypeError):
                UserStorage.open("memory:", **options)
        with self.assertRaises(TypeError):
            UserStorage.open(None)

    def test_a_store_that_is_away_is_awaited_and_on_error_hears_of_it(self):
        heard = []
        storage = UserStorage.open(AWAY, connect_ms=20, on_error=heard.append)
        self.assertIsNone(storage.get("ann", CAMPAIGN))
        storage.set(record("ann", "Control"))
        self.assertEqual(storage.get("ann", CAMPAIGN), record("ann", "Control"))
        self.assertIn(until(lambda: heard)[0].kind, ("unavailable", "timeout"))
        with self.assertRaises(StayputError) as raised:
            storage.flush(timeout_ms=20)
        self.assertEqual((raised.exception.kind, storage.stats()["waiting"]), ("timeout", 1))
        storage.close()
        strict = UserStorage.open(AWAY, connect_ms=0, on_miss="raise")
        with self.assertRaises(StayputError):
            strict.get("ben", CAMPAIGN)
        self.assertEqual(strict.stats()["unknown"], 1)
        strict.close()

    def test_an_on_error_that_raises_harms_nobody(self):
        heard, hook = [], sys.unraisablehook
        sys.unraisablehook = heard.append
        self.addCleanup(setattr, sys, "unraisablehook", hook)
        storage = UserStorage.open(AWAY, connect_ms=0, on_error=lambda _: 1 / 0)
        self.assertIs(until(lambda: heard)[0].exc_type, ZeroDivisionError)
        storage.close()

    @on_both
    def test_a_claim_tells_what_is_held_and_which_goals_are_new(self, fresh):
        with opened(fresh()) as storage:
            first = storage.claim(record("ann", "Control", goalIdentifiers="a"))
            self.assertEqual(
                first, {"outcome": "created", "newGoals": ["a"], "held": record("ann", "Control", goalIdentifiers="a")}
            )
            second = storage.claim(record("ann", "New", goalIdentifiers="a_vwo_b"))
            self.assertEqual((second["outcome"], second["newGoals"]), ("kept", ["b"]))
            self.assertEqual(second["held"]["variationName"], "Control")

    def test_closed_it_knows_nothing_and_keeps_nothing_and_nobody_waits_for_ever(self):
        storage = UserStorage.open(fresh("redis"))
        failed = []

        def flush():
            try:
                storage.flush(timeout_ms=PATIENCE)
            except StayputError as error:
                failed.append(error)

        with Paused():
            storage.set(record("ann", "Control"))
            waiting = threading.Thread(target=flush)
            waiting.start()
            waiting.join(0.2)
            storage.close()
            storage.close()
            waiting.join(PATIENCE / 2000)
        self.assertEqual([error.kind for error in failed], ["unavailable"])
        self.assertIsNone(storage.get("ben", CAMPAIGN))
        storage.set(record("ben", "Control"))
        self.assertEqual(storage.stats()["lost"], 1)
        for call in (storage.flush, lambda: storage.claim(record("ann", "Control")), lambda: storage.prefetch("ann")):
            with self.assertRaises(StayputError):
                call()

    def test_other_threads_run_while_one_waits(self):
        url = fresh("redis")
        with opened(url) as storage:
            storage.set(record("ann", "Control"))
        with opened(url) as storage:
            begun, found = threading.Event(), []

            def read():
                begun.set()
                found.append(storage.get("ann", CAMPAIGN))

            with Paused():
                reader = threading.Thread(target=read)
                reader.start()
                begun.wait()
                for _ in range(1_000):
                    storage.stats()
            # Had it kept others from running, Redis would have gone on only after the deadline.
            reader.join()
            self.assertEqual(found, [record("ann", "Control")])

    @on_both
    def test_many_threads_share_one_storage(self, fresh):
        with opened(fresh()) as storage:

            def work(goal):
                for user in range(50):
                    storage.get(f"user-{user}", CAMPAIGN)
                    storage.set(record(f"user-{user}", "Control", goalIdentifiers=goal))

            threads = [threading.Thread(target=work, args=(goal,)) for goal in "abcd"]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            storage.flush(timeout_ms=PATIENCE)
            for user in range(50):
                goals = storage.get(f"user-{user}", CAMPAIGN)["goalIdentifiers"]
                self.assertEqual(sorted(goals.split("_vwo_")), list("abcd"))

    @on_both
    def test_a_program_that_ends_delivers_first(self, fresh):
        url = fresh()
        source = (
            "import sys; from stayput import UserStorage; storage = UserStorage.open(sys.argv[1]);"
            "storage.set({'userId': 'ann', 'campaignKey': 'checkout', 'variationName': 'Control'})"
        )
        subprocess.run([sys.executable, "-c", source, url], check=True, timeout=PATIENCE / 1000)
        with opened(url) as storage:
            self.assertEqual(storage.get("ann", CAMPAIGN), record("ann", "Control"))

    def test_a_program_ends_though_its_store_is_away(self):
        source = (
            "import sys; from stayput import UserStorage; storage = UserStorage.open(sys.argv[1], connect_ms=0, on_error=print);"
            "storage.set({'userId': 'ann', 'campaignKey': 'checkout', 'variationName': 'Control'})"
        )
        ended = subprocess.run(
            [sys.executable, "-c", source, AWAY], timeout=PATIENCE / 1000, capture_output=True, text=True, check=True
        )
        self.assertIn("1 of what was set could not be delivered", ended.stderr)

    def test_numbers_are_there_for_prometheus_too(self):
        with opened("memory:") as storage:
            storage.get("ann", CAMPAIGN)
            self.assertIn('stayput_connector_gets_total{answer="asked"} 1\n', storage.metrics())
            self.assertEqual(storage.stats()["asked"], 1)
