'use strict';
// Redis is killed, and comes back empty.

const assert = require('assert');
const fs = require('fs');
const os = require('os');
const path = require('path');
const { UserStorage } = require('..');
const { role, server, test, until } = require('./harness');
const { CAMPAIGN, UNEVEN, launch, users } = require('./sdk');

test('Redis killed and restarted empty: what this process holds is served meanwhile, what it sets is there afterwards', { needs: 'redis' }, async () => {
  const redis = await server();
  const storage = UserStorage.open(redis.url, { deadlineMs: 20 });
  const [client, changed] = [launch(storage), launch(storage, UNEVEN)];
  const [known, newcomers] = [users(0, 300), users(300, 400)];
  const before = known.map(user => client.activate(CAMPAIGN, user));
  await storage.flush({ timeoutMs: 60_000 });
  await redis.kill();
  for (let round = 0; round < 3; round += 1) {
    assert.deepStrictEqual(known.map(user => changed.activate(CAMPAIGN, user)), before, 'who was seen');
  }
  const decided = newcomers.map(user => client.activate(CAMPAIGN, user));
  assert.ok(decided.every(Boolean), 'never null because of the store');
  assert.deepStrictEqual(newcomers.map(user => changed.activate(CAMPAIGN, user)), decided, 'what was set is seen at once');

  await redis.start();
  await storage.flush({ timeoutMs: 60_000 });
  const other = UserStorage.open(redis.url, { deadlineMs: 60_000 });
  assert.deepStrictEqual(newcomers.map(user => other.get(user, CAMPAIGN).variationName), decided, 'what was set meanwhile');
  // Its answers count again, and about all others they are that nothing is held.
  await until('nothing is held', () => storage.get(known[0], CAMPAIGN) === undefined);
  assert.strictEqual(client.activate(CAMPAIGN, known[0]), before[0]);
  await storage.flush({ timeoutMs: 60_000 });
  assert.strictEqual(other.get(known[0], CAMPAIGN).variationName, before[0], 'and it is stored again');
  for (const each of [storage, other]) each.close();
  await redis.kill();
});

test('what is spooled while Redis is down survives kill -9, and the next process delivers it', { needs: 'redis' }, async () => {
  const redis = await server();
  const spool = fs.mkdtempSync(path.join(os.tmpdir(), 'stayput-node-'));
  const [count, url] = [300, redis.url];
  const first = role('spool', { url, spool, count });
  assert.strictEqual(await first.hear(), 'open');
  await redis.kill();
  first.tell('set');
  const { waiting, spoolWaiting } = await first.hear();
  assert.deepStrictEqual({ waiting, spoolWaiting }, { waiting: 0, spoolWaiting: count });
  first.kill();
  await first.ended;
  await redis.start();
  const reader = UserStorage.open(url, { deadlineMs: 60_000, nearCache: false });
  assert.strictEqual(reader.get('user-0', CAMPAIGN), undefined, 'nobody has delivered it yet');
  const next = UserStorage.open(url, { deadlineMs: 60_000, spool });
  await until('the next process delivers', () => next.stats().spoolWaiting === 0);
  for (const user of users(0, count)) assert.strictEqual(reader.get(user, CAMPAIGN).goalIdentifier, 'g1');
  for (const each of [reader, next]) each.close();
  await redis.kill();
});
