"""A hit beside a plain dict's, and `activate` of returning users beside one over a dict; both sides in turns."""

import statistics, sys, time

import sdk
from lockstep import LastWriteWins
from stayput import UserStorage

USERS = [f"user-{number}" for number in range(1_000)]
ROUNDS = 41


def nanoseconds(call, times):
    begun = time.perf_counter_ns()
    for user in USERS:
        for _ in range(times):
            call(sdk.CAMPAIGN, user)
    return (time.perf_counter_ns() - begun) / (times * len(USERS))


def main():
    with UserStorage.open(sys.argv[1], deadline_ms=60_000) as storage:
        held = LastWriteWins({})
        stayput, plain = sdk.launch(storage=storage), sdk.launch(storage=held)
        for user in USERS:
            stayput.activate(sdk.CAMPAIGN, user), plain.activate(sdk.CAMPAIGN, user)
        storage.flush(timeout_ms=60_000)
        hits, ratios, rates = [], [], []
        for _ in range(ROUNDS):
            hits.append(nanoseconds(lambda campaign, user: storage.get(user, campaign), 5))
            ours, theirs = nanoseconds(stayput.activate, 1), nanoseconds(plain.activate, 1)
            ratios.append(theirs / ours)
            rates.append((ours, theirs))
        empty = statistics.median(nanoseconds(lambda campaign, user: None, 5) for _ in range(5))
        ours, theirs = (statistics.median(side) / 1000 for side in zip(*rates))
        print(f"hit, mean of a batch, median: {(statistics.median(hits) - empty) / 1000:.2f} us")
        print(f"activate: {ours:.1f} us, over a dict {theirs:.1f} us; rate against the dict, median: {statistics.median(ratios):.3f}")


if __name__ == "__main__":
    main()
