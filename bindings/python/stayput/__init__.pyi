from collections.abc import Callable, Sequence
from os import PathLike
from types import TracebackType
from typing import Any, Literal

from typing_extensions import NotRequired, Self, TypedDict

__all__ = ["StayputError", "UserStorage"]

class UserRecord(TypedDict):
    """What the SDK stores and reads; goals so far are joined by `_vwo_`."""

    userId: str
    campaignKey: str
    variationName: str
    goalIdentifiers: NotRequired[str]

class Claimed(TypedDict):
    outcome: Literal["created", "joined", "replaced", "kept", "unchanged", "spooled"]
    newGoals: list[str]
    held: UserRecord | None

class StayputError(Exception):
    kind: Literal["corrupt", "invalid", "refused", "timeout", "unavailable"]

class Fme:
    """What `vwo-fme-python-sdk` calls: the feature's key comes first."""

    def get(self, feature_key: str, user_id: str) -> dict[str, Any] | None:
        """What is held, as a fresh dict. Waits at most `deadline_ms`, and only for what was not seen before."""
    def set(self, data: dict[str, Any]) -> None:
        """Keeps a decision: shown at once, delivered in the background, tried again until the store has it."""

class UserStorage:
    """`vwo.launch(settings, user_storage=UserStorage.open(url))`. Share one among all threads; it survives a fork."""

    @classmethod
    def open(
        cls,
        url: str,
        *,
        scope: str | None = None,
        deadline_ms: float = 20,
        connect_ms: float = 1000,
        near_cache: bool | int = True,
        spool: str | PathLike[str] | None = None,
        on_miss: Literal["bucket", "raise"] = "bucket",
        on_error: Callable[[StayputError], object] | None = None,
    ) -> Self:
        """Opens the store at `url`. Raises only if the URL or an option is wrong; a store that is away is awaited.

        `scope`: account and environment; those that share a database and differ here never meet. `deadline_ms`: how
        long a `get` may wait for a user whom this process has not seen. `connect_ms`: how long opening may wait.
        `near_cache`: what was seen is kept in this process, by default 256 MiB and nothing over `file:`; or how many
        bytes. `spool`: a folder of this machine, where what the store does not answer is kept beyond the end of the
        process. `on_miss`: what `get` does if nobody could tell in time what is held: with "bucket" it returns None;
        with "raise" it raises, for callers of your own: the SDK takes both for nothing, and decides. `on_error` is
        told of errors that nobody else hears of, in a thread of its own; each kind at most once a second.
        """
    def get(self, user_id: str, campaign_key: str) -> UserRecord | None:
        """What is held, as a fresh dict. Waits at most `deadline_ms`, and only for a user not seen before."""
    def set(self, record: UserRecord) -> None:
        """Keeps a record: shown at once, delivered in the background, tried again until the store has it."""
    def claim(self, record: UserRecord) -> Claimed:
        """The same, and tells what came of it. If the store does not answer it raises; the record is delivered all
        the same."""
    def prefetch(self, user_id: str, campaign_keys: Sequence[str] = ()) -> None:
        """Reads what is held for a user, so that `get` need not wait."""
    def flush(self, *, timeout_ms: float = 5000) -> None:
        """Returns once all that was set so far is delivered; raises after `timeout_ms`."""
    async def aclaim(self, record: UserRecord) -> Claimed: ...
    async def aprefetch(self, user_id: str, campaign_keys: Sequence[str] = ()) -> None: ...
    async def aflush(self, *, timeout_ms: float = 5000) -> None: ...
    def fme(self) -> Fme:
        """The same storage for VWO's FME SDK: `init({"storage": storage.fme(), …})`."""
    def close(self) -> None:
        """Ends connections and threads; what was not flushed is lost. `with` flushes first, as the program's end
        does."""
    def stats(self) -> dict[str, Any]:
        """What it did so far, as numbers."""
    def metrics(self) -> str:
        """The same, as text for Prometheus."""
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
