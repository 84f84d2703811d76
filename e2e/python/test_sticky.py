"""The official VWO Python SDK made sticky by a running server; each promise beside what happens without it."""

import concurrent.futures, itertools, logging, multiprocessing, shutil, sys, unittest

import sdk
from lockstep import LastWriteWins, track
from sdk import CAMPAIGN, HALF_AND_HALF, TEN_AND_NINETY
from redis_server import Redis
from server import Server
from stayput_storage import StayputStorage

USERS = [f"user-{number}" for number in range(10_000)]


class Sticky(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        errors = logging.StreamHandler()
        shown = itertools.count()
        errors.addFilter(lambda _: next(shown) < 5)  # if the server is broken, five say enough
        logging.getLogger("vwo").addHandler(errors)
        cls.server = Server()
        cls.addClassCleanup(cls.server.end)
        cls.reader = StayputStorage(cls.server.address)

    def storage(self):
        return StayputStorage(self.server.address)

    def users(self, count):
        """Users of this test alone, activated half and half; they and what they see."""
        users = [f"{self.id()}-{number}" for number in range(count)]
        return users, activate(sdk.launch(storage=self.storage()), users)

    def held(self, user):
        return self.reader.get(user, CAMPAIGN)

    def test_ten_thousand_users_keep_their_variation_through_new_weights_and_kill_9(self):
        without = [activate(sdk.launch(settings), USERS) for settings in (HALF_AND_HALF, TEN_AND_NINETY)]
        flipped = sum(before != after for before, after in zip(*without))
        self.assertTrue(3_500 < flipped < 4_500, f"without Stayput 4 in 10 users should flip, not {flipped} of 10,000")

        storage = self.storage()
        with concurrent.futures.ThreadPoolExecutor(16) as threads:
            first = activate(sdk.launch(HALF_AND_HALF, storage), USERS, threads)
            self.server.kill()
            self.server.start()
            # The same threads, whose kept connections are dead now, and an SDK with the new weights.
            after = activate(sdk.launch(TEN_AND_NINETY, storage), USERS, threads)
        self.assertEqual(first, without[0])
        self.assertEqual(sum(before != now for before, now in zip(first, after)), 0, "users flipped")

    def test_goals_accumulate_and_each_is_reported_once(self):
        users, _ = self.users(20)
        client = sdk.launch(storage=self.storage())
        answers = [[client.track(CAMPAIGN, user, goal)[CAMPAIGN] for user in users] for goal in ("g1", "g2", "g1", "g2")]
        self.assertEqual(answers, [[True] * 20, [True] * 20, [False] * 20, [False] * 20])
        self.assertEqual({self.held(user)["goalIdentifiers"] for user in users}, {"g1_vwo_g2"})
        unknown = client.track(CAMPAIGN, f"{self.id()} was never activated", "g1")
        self.assertEqual(unknown, {CAMPAIGN: False}, "the SDK tracks only whom it activated")

    def test_two_processes_in_lockstep_lose_no_goal_and_report_none_twice(self):
        users, _ = self.users(300)
        with multiprocessing.get_context("spawn").Manager() as manager:
            held = manager.dict()
            activate(sdk.launch(storage=LastWriteWins(held)), users)
            last_write_wins = [(LastWriteWins, held)] * 2
            track(["g1", "g2"], users, last_write_wins)
            lost = sum(len(record["goalIdentifiers"].split("_vwo_")) == 1 for record in held.values())
            again = track(["g2", "g1"], users, last_write_wins, lockstep=False)
        self.assertEqual(lost, 300, "without Stayput every user should lose the goal that was written first")
        self.assertGreaterEqual(sum(map(sum, again)), 300, "without Stayput lost goals should be reported again")

        stayput = [(StayputStorage, self.server.address)] * 2
        self.assertEqual(track(["g1", "g2"], users, stayput), [[True] * 300] * 2)
        self.assertEqual({tuple(sorted(self.held(user)["goalIdentifiers"].split("_vwo_"))) for user in users}, {("g1", "g2")})
        self.assertEqual(track(["g2", "g1"], users, stayput), [[False] * 300] * 2, "each knows the other's goals")

    def test_a_variation_that_is_gone_is_replaced_and_goals_stay(self):
        users, before = self.users(100)
        client = sdk.launch(storage=self.storage())
        self.assertTrue(all(client.track(CAMPAIGN, user, "g1")[CAMPAIGN] for user in users))
        client = sdk.launch(sdk.settings(Control=50, Newer=50), self.storage())
        after = activate(client, users)
        expected = ["Newer" if variation == "New" else variation for variation in before]
        self.assertEqual(after, expected)
        self.assertEqual([self.held(user)["variationName"] for user in users], expected)
        self.assertEqual({self.held(user)["goalIdentifiers"] for user in users}, {"g1"})

    def test_a_failed_read_never_flips_a_user(self):
        users, before = self.users(200)
        storage = Blind(self.server.address)
        activate(sdk.launch(storage=storage), users)  # reads well, which must not count later
        storage.blind = True
        with self.assertLogs("vwo", logging.ERROR):
            during = activate(sdk.launch(TEN_AND_NINETY, storage), users)
        self.assertGreater(sum(was != now for was, now in zip(before, during)), 40, "the SDK decided anew, and set that")
        self.assertEqual(activate(sdk.launch(TEN_AND_NINETY, self.storage()), users), before)

    def test_odd_user_ids_are_kept_apart(self):
        users = ["a/b", "..", ".", "%2F", "é", "e\u0301", "😀", " ", "a b", "a+b", "?x=1#y", "__proto__", "x" * 1_024]
        users = users + [user + self.id() for user in users[:-1]]
        before = activate(sdk.launch(storage=self.storage()), users)
        self.assertEqual(before, activate(sdk.launch(), users))
        self.assertEqual(activate(sdk.launch(TEN_AND_NINETY, self.storage()), users), before)
        self.assertEqual([self.held(user)["userId"] for user in users], users)

    @unittest.skipUnless(shutil.which("redis-server"), "redis-server is not installed")
    def test_a_redis_that_the_sdks_own_storage_filled_moves_here_and_nobody_flips(self):
        users = [f"{self.id()}:{number}" for number in range(1_000)]
        with Redis() as redis:
            creds = {"url": redis.host, "user_id": "", "password": ""}
            client = sdk.launch(redis_creds=creds)
            before = activate(client, users)
            self.assertTrue(all(client.track(CAMPAIGN, user, "g1")[CAMPAIGN] for user in users[:500]))
            done = redis.migrated_to(self.server.address)
        self.assertEqual((done["found"], done["created"], done["failed"], done["differing"]), (1_000, 1_000, 0, 0))
        client = sdk.launch(TEN_AND_NINETY, self.storage())
        self.assertEqual(activate(client, users), before)
        again = [client.track(CAMPAIGN, user, "g1")[CAMPAIGN] for user in users]
        self.assertEqual(again, [False] * 500 + [True] * 500, "goals were carried over")

    def test_forked_workers_do_not_share_the_connection_of_their_parent(self):
        users, before = self.users(200)
        storage = self.storage()
        client = sdk.launch(TEN_AND_NINETY, storage)
        self.assertEqual(activate(client, users), before)  # the connection is open now
        fork = multiprocessing.get_context("fork")
        answers = [fork.SimpleQueue() for _ in range(3)]
        work = [users, users[::-1], users[100:] + users[:100]]  # so that each asks for somebody else
        tell = lambda queue, users: queue.put({user: client.activate(CAMPAIGN, user) for user in users})
        workers = [fork.Process(target=tell, args=pair) for pair in zip(answers, work)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(30)
            worker.kill()
        self.assertEqual([worker.exitcode for worker in workers], [0] * 3)
        self.assertEqual([answer.get() for answer in answers], [dict(zip(users, before))] * 3)


class Blind(StayputStorage):
    """A storage that writes but cannot read, while told so."""

    blind = False

    def call(self, method, *rest):
        if self.blind and method == "GET":
            raise OSError("the network is down")
        return super().call(method, *rest)


def activate(client, users, threads=None):
    """What each user sees."""
    run = threads.map if threads else map
    return list(run(lambda user: client.activate(CAMPAIGN, user), users))


if __name__ == "__main__":
    result = unittest.main(verbosity=2, exit=False, warnings="ignore").result
    failed, ignored = len(result.failures) + len(result.errors), len(result.skipped)
    passed = max(0, result.testsRun - failed - ignored)
    word = "FAILED" if failed else "ok"
    print(f"test result: {word}. {passed} passed; {failed} failed; {ignored} ignored")
    sys.exit(bool(failed))
