"""Two processes that track goals for the same users, each pair of calls at the same moment."""

import multiprocessing

import sdk, vwo


def track(goals, users, storages, lockstep=True):
    """Each process tracks its goal for every user; gives what the SDK answered, process by process.

    In lockstep both have read before either writes: the collision that loses goals on a storage that keeps the last
    record.
    """
    spawn = multiprocessing.get_context("spawn")  # as separate as two servers of one site
    barrier = spawn.Barrier(len(goals)) if lockstep else None
    answers = [spawn.SimpleQueue() for _ in goals]
    work = zip(goals, storages, answers)
    processes = [spawn.Process(target=_work, args=(goal, users, *rest, barrier)) for goal, *rest in work]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    failed = [process.exitcode for process in processes if process.exitcode != 0]
    for process in processes:
        process.kill()
    if failed:
        raise RuntimeError(f"a tracking process ended with {failed}")
    return [answer.get() for answer in answers]


def _work(goal, users, storage, answers, barrier):
    make, *arguments = storage
    client = sdk.launch(storage=Lockstep(make(*arguments), barrier))
    answers.put([client.track(sdk.CAMPAIGN, user, goal)[sdk.CAMPAIGN] for user in users])


class Lockstep(vwo.UserStorage):
    """Waits between get and set until the other process has read too."""

    def __init__(self, inner, barrier):
        self.inner, self.barrier = inner, barrier

    def get(self, user_id, campaign_key):
        record = self.inner.get(user_id, campaign_key)
        if self.barrier:
            self.barrier.wait(30)
        return record

    def set(self, record):
        self.inner.set(record)


class LastWriteWins(vwo.UserStorage):
    """What SDK documentation shows: the whole record is stored as it comes. `held` is a dict, also of a Manager."""

    def __init__(self, held):
        self.held = held

    def get(self, user_id, campaign_key):
        return self.held.get((user_id, campaign_key))

    def set(self, record):
        self.held[record["userId"], record["campaignKey"]] = record
