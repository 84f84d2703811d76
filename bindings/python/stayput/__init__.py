"""A User Storage Service for VWO's Python SDK: what takes time happens in native threads, and nothing that the SDK
calls waits longer than `deadline_ms`."""

import asyncio, atexit, warnings, weakref

from ._native import Native, StayputError

__all__ = ["StayputError", "UserStorage"]


class UserStorage(Native):
    """`vwo.launch(settings, user_storage=UserStorage.open(url))`."""

    @classmethod
    def open(cls, url, **options):
        """Opens the store at `url`. Raises only if the URL or an option is wrong."""
        storage = cls(url, **options)
        _open.add(storage)
        return storage

    async def aclaim(self, record):
        """The same as `claim`, for asyncio."""
        return await _settled(self.claim_later, record)

    async def aprefetch(self, user_id, campaign_keys=()):
        """The same as `prefetch`, for asyncio."""
        await _settled(self.prefetch_later, user_id, campaign_keys)

    async def aflush(self, *, timeout_ms=5000):
        """The same as `flush`, for asyncio."""
        await _settled(self.flush_later, timeout_ms)

    def fme(self):
        """The same storage for VWO's FME SDK: `init({"storage": storage.fme(), …})`."""
        return Fme(self)

    def close(self):
        """Ends connections and threads. Flush first, or use `with`, which does."""
        _open.discard(self)
        super().close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.flush()
        finally:
            self.close()

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        try:
            await self.aflush()
        finally:
            self.close()


class Fme:
    """What `vwo-fme-python-sdk` calls."""

    def __init__(self, storage):
        self.get, self.set = storage.fme_get, storage.fme_set


async def _settled(begin, *arguments):
    loop = asyncio.get_running_loop()
    future = loop.create_future()

    def settle(error, told):
        if future.done():  # cancelled
            return
        if error:
            future.set_exception(error)
        else:
            future.set_result(told)

    def from_thread(*answer):
        try:
            loop.call_soon_threadsafe(settle, *answer)
        except RuntimeError:
            pass  # the loop is closed: nobody waits any more

    begin(from_thread, *arguments)
    return await future


_open = weakref.WeakSet()


@atexit.register
def _end():
    """What was set goes first; then nothing native calls Python, which is ending."""
    for storage in list(_open):
        try:
            if storage.stats()["waiting"]:
                storage.flush()
        except StayputError as error:
            warnings.warn(f"stayput: {error}", RuntimeWarning)
        finally:
            storage.close()
