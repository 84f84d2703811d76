'use strict';
// The official SDK with this storage, beside what it does with a map that keeps the last record.

const assert = require('assert');
const { UserStorage } = require('..');
const { fresh, role, test } = require('./harness');
const { CAMPAIGN, EVEN, GOALS, UNEVEN, lastWriteWins, launch, user, users } = require('./sdk');

const opened = (url, options) => UserStorage.open(url, { deadlineMs: 60_000, ...options });

for (const kind of ['file', 'redis']) {
  test(`${kind}: a goal that was tracked before others is not counted again`, { needs: kind }, async () => {
    const url = fresh(kind);
    const tracked = storage => {
      const client = launch(storage);
      client.activate(CAMPAIGN, 'ann');
      return ['g1', 'g2', 'g1'].map(goal => client.track(CAMPAIGN, 'ann', goal)[CAMPAIGN]);
    };
    const storage = opened(url);
    assert.deepStrictEqual(tracked(storage), [true, true, false]);
    await storage.flush();
    const other = opened(url);
    assert.strictEqual(other.get('ann', CAMPAIGN).goalIdentifier, 'g1_vwo_g2');
    for (const each of [storage, other]) each.close();
    assert.deepStrictEqual(tracked(lastWriteWins()), [true, true, true], 'the control');
  });

  test(`${kind}: 10,000 users keep their variations through new weights and a restart`, { needs: kind }, async () => {
    const url = fresh(kind);
    const phase = async weights => {
      const halves = [0, 1].map(from => role('activate', { url, weights, from, to: 10_000, step: 2 }));
      const [even, odd] = await Promise.all(halves.map(half => half.hear()));
      assert.deepStrictEqual(await Promise.all(halves.map(half => half.ended)), [0, 0]);
      return { ...even, ...odd };
    };
    const [before, after] = [await phase(EVEN), await phase(UNEVEN)];
    const kept = Object.keys(before).filter(user => before[user] && before[user] === after[user]).length;
    assert.strictEqual(kept, 10_000);
    const [even, uneven] = [EVEN, UNEVEN].map(weights => launch(undefined, weights));
    const alone = users(0, 10_000).filter(user => even.activate(CAMPAIGN, user) === uneven.activate(CAMPAIGN, user)).length;
    assert.ok(alone > 5_500 && alone < 6_500, `the control keeps ${alone}`);
    return `kept ${kept}; without a storage ${alone}`;
  });
}

// Each conversion is pushed back to its process, and the next `get` asks: some 20,000 round trips, unoptimised.
test('two processes in lockstep record every goal once, and replay counts none', { needs: 'redis', patience: 600_000 }, async () => {
  const url = fresh('redis');
  const [count, batch] = [2_000, 50];
  const round = async () => {
    const both = [GOALS.slice(0, 2), GOALS.slice(2)].map(goals => role('lockstep', { url, count, batch, goals }));
    for (let from = 0; from < count; from += batch) {
      for (const each of both) assert.strictEqual(await each.hear(), 'ready');
      for (const each of both) each.tell('go');
    }
    const counted = [];
    for (const each of both) counted.push((await each.hear()).counted);
    return counted[0] + counted[1];
  };
  assert.strictEqual(await round(), 4 * count, 'counted');
  const storage = opened(url);
  const goals = users(0, count).map(user => storage.get(user, CAMPAIGN).goalIdentifier.split('_vwo_').length);
  storage.close();
  const recorded = goals.reduce((sum, goals) => sum + goals, 0);
  assert.strictEqual(recorded, 4 * count, 'recorded');
  assert.strictEqual(await round(), 0, 'recounted');

  const last = lastWriteWins();
  const clients = [launch(last), launch(last)];
  const control = () => {
    let counted = 0;
    for (const user of users(0, count)) {
      clients.forEach((client, number) => {
        client.activate(CAMPAIGN, user);
        for (const goal of GOALS.slice(2 * number, 2 * number + 2)) counted += client.track(CAMPAIGN, user, goal)[CAMPAIGN] ? 1 : 0;
      });
    }
    return counted;
  };
  control();
  const lost = users(0, count).reduce((sum, user) => sum + last.get(user, CAMPAIGN).goalIdentifier.split('_vwo_').length, 0);
  const again = control();
  assert.deepStrictEqual([lost, again], [count, 4 * count], 'the control');
  return `8,000 recorded, 0 recounted; control ${lost} and ${again}`;
});

test('one failed read never flips a user', { needs: 'redis' }, async () => {
  const url = fresh('redis');
  const storage = opened(url);
  const [client, count] = [launch(storage), 200];
  const before = users(0, count).map(user => client.activate(CAMPAIGN, user));
  await storage.flush();
  // Who may not wait at all cannot read what this process has not seen; the weights have changed meanwhile.
  const hasty = UserStorage.open(url, { deadlineMs: 0 });
  const again = launch(hasty, UNEVEN);
  const flipped = users(0, count).filter((user, n) => again.activate(CAMPAIGN, user) !== before[n]).length;
  assert.ok(flipped > 0, 'the reads do fail');
  await hasty.flush();
  const third = opened(url);
  assert.deepStrictEqual(users(0, count).map(user => third.get(user, CAMPAIGN).variationName), before);
  assert.deepStrictEqual(users(0, count).map(user => again.activate(CAMPAIGN, user)), before, 'and learns what is held');
  for (const each of [storage, hasty, third]) each.close();
  return `${flipped} of ${count} saw another variation once`;
});

test('with onMiss "off" the SDK answers null rather than something else', { needs: 'redis' }, async () => {
  const storage = UserStorage.open(fresh('redis'), { deadlineMs: 0, onMiss: 'off' });
  assert.strictEqual(launch(storage).activate(CAMPAIGN, user(1)), null);
  assert.strictEqual(storage.stats().unknown, 1);
  storage.close();
});
