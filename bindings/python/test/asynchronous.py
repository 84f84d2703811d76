"""The waiting calls for asyncio."""

import asyncio, unittest

from scene import Paused, fresh, on_both, opened, record
from sdk import CAMPAIGN
from stayput import StayputError


class Asynchronous(unittest.TestCase):
    @on_both
    def test_claim_prefetch_and_flush_are_awaited(self, fresh):
        url = fresh()

        async def work():
            async with opened(url) as storage:
                users = [f"user-{number}" for number in range(100)]
                told = await asyncio.gather(*(storage.aclaim(record(user, "Control")) for user in users))
                self.assertEqual({each["outcome"] for each in told}, {"created"})
                self.assertEqual([each["held"] for each in told], [record(user, "Control") for user in users])
                await storage.aprefetch("user-1", [CAMPAIGN])
                storage.set(record("ann", "Control"))
                await storage.aflush()
                self.assertEqual(storage.stats()["waiting"], 0)

        asyncio.run(work())
        with opened(url) as storage:
            self.assertEqual(storage.get("ann", CAMPAIGN), record("ann", "Control"))

    def test_what_was_read_in_the_loop_may_be_replaced_by_a_claim_in_the_loop(self):
        async def work(storage):
            await storage.aclaim(record("ann", "Deleted"))
            storage.get("ann", CAMPAIGN)
            self.assertEqual((await storage.aclaim(record("ann", "New")))["outcome"], "replaced")
            self.assertEqual((await storage.aclaim(record("ann", "Other")))["outcome"], "kept")

        with opened(fresh("file")) as storage:
            asyncio.run(work(storage))

    def test_the_loop_goes_on_while_redis_is_paused(self):
        async def work(storage):
            with Paused():
                claim = asyncio.create_task(storage.aclaim(record("ann", "Control")))
                cancelled = asyncio.create_task(storage.aflush(timeout_ms=60_000))
                for _ in range(100):
                    await asyncio.sleep(0)
                self.assertFalse(claim.done())
                cancelled.cancel()
                with self.assertRaises(asyncio.CancelledError):
                    await cancelled
            try:
                self.assertEqual((await claim)["outcome"], "created")
            except StayputError as error:  # only the answer is lost
                self.assertIn(error.kind, ("timeout", "unavailable"))
            await storage.aflush(timeout_ms=60_000)
            self.assertEqual(storage.get("ann", CAMPAIGN), record("ann", "Control"))

        with opened(fresh("redis")) as storage:
            asyncio.run(work(storage))

    def test_errors_are_raised_and_nobody_waits_for_a_closed_storage(self):
        async def work(storage):
            with self.assertRaises(StayputError) as raised:
                await storage.aclaim(record(1, "Control"))
            self.assertEqual(raised.exception.kind, "invalid")
            with self.assertRaises(StayputError):
                await storage.aprefetch("\ud800")
            with Paused():
                storage.set(record("ann", "Control"))
                flush = asyncio.create_task(storage.aflush(timeout_ms=60_000))
                await asyncio.sleep(0)
                storage.close()
                with self.assertRaises(StayputError) as raised:
                    await flush
            self.assertEqual(raised.exception.kind, "unavailable")
            with self.assertRaises(StayputError):
                await storage.aflush()

        asyncio.run(work(opened(fresh("redis"))))
