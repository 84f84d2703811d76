'use strict';
// What another process does is heard as soon as Redis pushes it.

const assert = require('assert');
const { UserStorage } = require('..');
const { fresh, role, test, until, wait } = require('./harness');
const { CAMPAIGN, launch } = require('./sdk');

test('a goal that another process counted is not counted again once the invalidation arrived', { needs: 'redis' }, async () => {
  const url = fresh('redis');
  const storage = UserStorage.open(url, { deadlineMs: 60_000 });
  const client = launch(storage);
  assert.ok(client.activate(CAMPAIGN, 'ann'));
  await storage.flush({ timeoutMs: 60_000 });
  const isHit = () => {
    const { hits } = storage.stats();
    assert.ok(storage.get('ann', CAMPAIGN));
    return storage.stats().hits > hits;
  };
  // What the store pushes about the write of one's own comes first; then an answer lasts, not only for a second.
  await until('what is known lasts', async () => isHit() && (await wait(1_500), isHit()));
  const before = storage.stats().invalidations;
  const other = role('track', { url, user: 'ann', goal: 'g1' });
  assert.strictEqual(await other.hear(), true, 'the other process counts it');
  await until('the invalidation arrives', () => storage.stats().invalidations > before);
  assert.strictEqual(client.track(CAMPAIGN, 'ann', 'g1')[CAMPAIGN], false);
  assert.strictEqual(client.track(CAMPAIGN, 'ann', 'g2')[CAMPAIGN], true);
  await storage.flush({ timeoutMs: 60_000 });
  storage.close();
});
