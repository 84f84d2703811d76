'use strict';
// Redis stops answering, and holds what it should not.

const assert = require('assert');
const Redis = require('ioredis');
const { UserStorage } = require('..');
const { fresh, redis, signal, test, until, wait } = require('./harness');
const { CAMPAIGN, UNEVEN, launch, user, users } = require('./sdk');

const PAUSE = 5_000;

test('while Redis is paused nobody waits for it, who was seen keeps the variation, and afterwards all is there', { needs: 'redis' }, async () => {
  const url = fresh('redis');
  const storage = UserStorage.open(url, { deadlineMs: 20 });
  const client = launch(storage);
  const known = users(0, 500);
  const before = known.map(user => client.activate(CAMPAIGN, user));
  await storage.flush({ timeoutMs: 60_000 });

  const changed = launch(storage, UNEVEN);
  let [longest, gap, beat, next, paused] = [0, 0, performance.now(), 10_000, 0];
  const waits = []; // calls of more than half a deadline: when, after the pause began
  const heart = setInterval(() => ([gap, beat] = [Math.max(gap, performance.now() - beat), performance.now()]), 10);
  const timed = work => {
    const begun = performance.now();
    const answer = work();
    const took = performance.now() - begun;
    longest = Math.max(longest, took);
    if (took > 10) waits.push(begun - paused);
    return answer;
  };
  const newcomers = [];
  signal('SIGSTOP');
  paused = performance.now();
  try {
    const end = Date.now() + PAUSE;
    for (let turn = 0; Date.now() < end; turn += 1) {
      const number = turn % known.length;
      assert.strictEqual(timed(() => changed.activate(CAMPAIGN, known[number])), before[number], 'who was seen');
      const name = user(next++);
      const answer = timed(() => client.activate(CAMPAIGN, name));
      assert.ok(answer, 'never null because of the store');
      newcomers.push([name, answer]);
      assert.strictEqual(timed(() => changed.activate(CAMPAIGN, name)), answer, 'what was set is seen at once');
      await wait(5);
    }
  } finally {
    signal('SIGCONT');
    clearInterval(heart);
  }
  assert.ok(longest < PAUSE / 2, `one call took ${longest} ms`);
  assert.ok(gap < PAUSE / 2, `the event loop stood still for ${gap} ms`);
  await storage.flush({ timeoutMs: 60_000 });
  assert.strictEqual(storage.stats().waiting, 0);
  const other = UserStorage.open(url, { deadlineMs: 60_000 });
  for (const [name, answer] of newcomers) assert.strictEqual(other.get(name, CAMPAIGN).variationName, answer);
  for (const each of [storage, other]) each.close();
  const round = ms => `${Math.round(ms)} ms`;
  const waited = `${waits.length} of more than 10 ms, the last begun ${round(waits.at(-1) ?? 0)} after the pause`;
  return `longest call ${round(longest)}, ${waited}; longest gap between heartbeats ${round(gap)}, ${newcomers.length} new users`;
});

test('rubbish in the store is told from absence, counted, and harms nobody', { needs: 'redis' }, async () => {
  const url = fresh('redis');
  const prefix = new URL(url.replace('redis:', 'http:')).searchParams.get('prefix');
  const storage = UserStorage.open(url, { deadlineMs: 60_000, nearCache: false });
  for (const name of users(0, 20)) storage.set({ userId: name, campaignKey: CAMPAIGN, variationName: 'Control' });
  await storage.flush();
  const raw = new Redis(redis);
  const rubbish = ['', 'rubbish', '{"userId":"eve","__proto__":{}}', Buffer.alloc(10_240, 255), Buffer.from([1, 255, 255, 255, 255, 15])];
  let spoilt = 0;
  for (const key of await raw.keys(`${prefix}*`)) {
    if ((await raw.type(key)) !== 'hash') continue;
    for (const field of await raw.hkeysBuffer(key)) await raw.hset(key, field, rubbish[spoilt % rubbish.length]);
    spoilt += 1;
    if (spoilt % 7 === 0) await raw.multi().del(key).set(key, 'of another type').exec();
  }
  assert.strictEqual(spoilt, 20);
  const client = launch(storage);
  for (const name of users(0, 20)) {
    assert.strictEqual(storage.get(name, CAMPAIGN), undefined);
    assert.ok(client.activate(CAMPAIGN, name), 'the SDK decides');
  }
  const stats = storage.stats();
  assert.ok(stats.unknown >= 20 && stats.errors >= 20, JSON.stringify(stats));
  storage.set({ userId: 'good', campaignKey: CAMPAIGN, variationName: 'Control' });
  await until('others are delivered', async () => storage.stats().stored > 20);
  await raw.quit();
  storage.close();
});
