"""The official SDK with the storage in its own process."""

import concurrent.futures, multiprocessing, os, sys, threading, unittest

import sdk
from lockstep import LastWriteWins, Lockstep
from scene import Paused, activate, fresh, on_both, opened, record, until
from sdk import CAMPAIGN, HALF_AND_HALF, TEN_AND_NINETY

USERS = [f"user-{number}" for number in range(10_000 if os.environ.get("STAYPUT_LONG") == "1" else 2_000)]


class Official(unittest.TestCase):
    @on_both
    def test_goals_accumulate_and_each_counts_once(self, fresh):
        url = fresh()
        with opened(url) as storage:
            client = sdk.launch(storage=storage)
            activate(client, ["ann"])
            counted = [client.track(CAMPAIGN, "ann", goal)[CAMPAIGN] for goal in ("g1", "g2", "g1", "g2")]
        self.assertEqual(counted, [True, True, False, False])
        with opened(url) as storage:
            self.assertEqual(storage.get("ann", CAMPAIGN)["goalIdentifiers"], "g1_vwo_g2")

    @on_both
    def test_two_in_lockstep_lose_no_goal_and_count_none_twice(self, fresh):
        users = USERS[:100]
        last = LastWriteWins({})
        activate(sdk.launch(storage=last), users)
        self.assertEqual(both(lambda: last, users), 200)
        lost = sum("_vwo_" not in each["goalIdentifiers"] for each in last.held.values())
        self.assertEqual(lost, 100, "the control loses a goal of each user")
        self.assertEqual(both(lambda: last, users, swapped=True, lockstep=False), 100, "and counts it again")

        url = fresh()
        with opened(url) as storage:
            activate(sdk.launch(storage=storage), users)
        self.assertEqual(both(lambda: opened(url), users), 200)
        with opened(url) as storage:
            held = {tuple(sorted(storage.get(user, CAMPAIGN)["goalIdentifiers"].split("_vwo_"))) for user in users}
        self.assertEqual(held, {("g1", "g2")})
        self.assertEqual(both(lambda: opened(url), users, swapped=True), 0)

    @on_both
    def test_users_keep_their_variation_through_new_weights_and_a_restart(self, fresh):
        without = [activate(sdk.launch(settings), USERS) for settings in (HALF_AND_HALF, TEN_AND_NINETY)]
        kept = sum(before == after for before, after in zip(*without))
        self.assertTrue(0.55 < kept / len(USERS) < 0.65, f"the control keeps {kept} of {len(USERS)}")
        url = fresh()
        before = in_a_process(HALF_AND_HALF, url)
        self.assertEqual(before, without[0])
        self.assertEqual(in_a_process(TEN_AND_NINETY, url), before)

    def test_one_failed_read_never_flips_a_user(self):
        url, users = fresh("redis"), USERS[:200]
        with opened(url) as storage:
            before = activate(sdk.launch(storage=storage), users)
        # Who may not wait at all cannot read what this process has not seen; the weights have changed meanwhile.
        with opened(url, deadline_ms=0) as hasty:
            during = activate(sdk.launch(TEN_AND_NINETY, hasty), users)
            self.assertGreater(hasty.stats()["unknown"], 0)
        self.assertNotEqual(during, before, "the reads do fail")
        with opened(url) as storage:
            self.assertEqual(activate(sdk.launch(TEN_AND_NINETY, storage), users), before)

    def test_two_threads_that_interleave_while_reads_fail_flip_nobody(self):
        url, users, both = fresh("redis"), USERS[:100], threading.Barrier(2)
        self.addCleanup(sys.setswitchinterval, sys.getswitchinterval())
        sys.setswitchinterval(1e-5)
        with opened(url) as storage:
            before = activate(sdk.launch(storage=storage), users)
        with opened(url, deadline_ms=0) as hasty:
            clients = [sdk.launch(TEN_AND_NINETY, Lockstep(hasty, both)) for _ in range(2)]

            def work(client):
                return [activate(client, users) for _ in range(3)]

            with concurrent.futures.ThreadPoolExecutor(2) as threads:
                shown = list(threads.map(work, clients))
            stats = hasty.stats()
            self.assertTrue(stats["unknown"] and stats["hits"], f"some reads fail, and some do not: {stats}")
            self.assertNotEqual(shown[0][0], before)
            hasty.flush(timeout_ms=60_000)
        with opened(url) as storage:
            self.assertEqual([storage.get(user, CAMPAIGN)["variationName"] for user in users], before)

        last = LastWriteWins({})
        activate(sdk.launch(storage=last), users)
        last.get = lambda *_: None  # a read that fails
        activate(sdk.launch(TEN_AND_NINETY, last), users)
        self.assertNotEqual([last.held[user, CAMPAIGN]["variationName"] for user in users], before, "the control")

    def test_a_thread_whose_read_failed_does_not_profit_from_what_another_has_read(self):
        url = fresh("redis")
        with opened(url) as storage:
            storage.set(record("user", "Deleted"))
        with opened(url, deadline_ms=500, near_cache=False) as storage, concurrent.futures.ThreadPoolExecutor(1) as other:
            reads = lambda: until(lambda: storage.get("user", CAMPAIGN))

            class Interleaved:
                """Its read fails; then, before it writes, another thread reads, and after it, writes."""

                set = storage.set

                def get(self, *key):
                    with Paused():
                        failed = storage.get(*key)
                    read = other.submit(reads).result()
                    assert (failed, read["variationName"]) == (None, "Deleted"), (failed, read)
                    return failed

            self.assertIn(sdk.launch(storage=Interleaved()).activate(CAMPAIGN, "user"), ("Control", "New"))
            storage.flush(timeout_ms=60_000)
            self.assertEqual(reads()["variationName"], "Deleted", "what nobody who wrote had read stays")
            other.submit(storage.set, record("user", "New")).result()
            storage.flush(timeout_ms=60_000)
            self.assertEqual(reads()["variationName"], "New", "the other thread has read it, and may replace it")

    def test_while_redis_is_paused_who_was_seen_stays_and_afterwards_all_is_there(self):
        url, users = fresh("redis"), USERS[:100]
        with opened(url) as storage:
            before = activate(sdk.launch(storage=storage), users)
        with opened(url, deadline_ms=500) as storage:
            for user in users:
                storage.prefetch(user, [CAMPAIGN])
            with Paused():
                changed = sdk.launch(TEN_AND_NINETY, storage)
                self.assertEqual(activate(changed, users), before)
                newcomers = [f"new-{number}" for number in range(200)]
                shown = activate(changed, newcomers)
                self.assertNotIn(None, shown)
                self.assertEqual(activate(sdk.launch(HALF_AND_HALF, storage), newcomers), shown)
            storage.flush(timeout_ms=60_000)
        with opened(url) as storage:
            self.assertEqual([storage.get(user, CAMPAIGN)["variationName"] for user in newcomers], shown)


def both(make, users, swapped=False, lockstep=True):
    """Two threads with a storage each track a goal each for every user; how many counted."""
    barrier = threading.Barrier(2) if lockstep else None

    def work(goal):
        storage = make()
        client = sdk.launch(storage=Lockstep(storage, barrier))
        counted = sum(client.track(CAMPAIGN, user, goal)[CAMPAIGN] for user in users)
        if not isinstance(storage, LastWriteWins):
            storage.flush(timeout_ms=60_000)
            storage.close()
        return counted

    with concurrent.futures.ThreadPoolExecutor(2) as threads:
        return sum(threads.map(work, ("g2", "g1") if swapped else ("g1", "g2")))


def in_a_process(settings, url):
    """What all users see in a process of its own."""
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(_activated, settings, url).result()


def _activated(settings, url):
    with opened(url) as storage:
        return activate(sdk.launch(settings, storage), USERS)
