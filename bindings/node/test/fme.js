'use strict';
// VWO's FME SDK with this storage, settings passed in and no network. The newest version on npm, 1.35.0, has no holdouts:
// what a newer one sets about them is set by hand.

const assert = require('assert');
const { UserStorage } = require('..');
const { fresh, test } = require('./harness');
const { network, users } = require('./sdk');

const FLAG = 'banner';
const USERS = users(0, 1_000);

for (const kind of ['file', 'redis']) {
  test(`${kind}: FME: decisions stay after the allocation changes`, { needs: kind }, async () => {
    const url = fresh(kind);
    const before = await decided(url, settings({ experiment: { A: 50, B: 50 } }));
    const after = await decided(url, settings({ rollout: 10, experiment: { A: 10, B: 90 } }));
    assert.deepStrictEqual(after, before);
    const alone = await decided(undefined, settings({ rollout: 10, experiment: { A: 10, B: 90 } }));
    const kept = USERS.filter(user => alone[user] === before[user]).length;
    assert.ok(kept < 200, `the control keeps ${kept}`);
    return `kept ${USERS.length}; without a storage ${kept}`;
  });

  test(`${kind}: FME: a new experiment and a new holdout erase nobody's decision`, { needs: kind }, async () => {
    const url = fresh(kind);
    const rollout = await decided(url, settings({ rollout: 50 }));
    const enabled = USERS.filter(user => rollout[user]);
    assert.ok(enabled.length > 400 && enabled.length < 600, `${enabled.length} are enabled`);
    const first = await decided(url, settings({ rollout: 1, experiment: { A: 50, B: 50 } }));
    for (const user of enabled) assert.match(first[user] || 'off', /^[AB]$/, 'the rollout stays, an experiment joins it');

    const storage = UserStorage.open(url, { deadlineMs: 60_000 });
    const held = user => storage.fme().get(FLAG, user);
    const before = await Promise.all(enabled.map(held));
    for (const [number, user] of enabled.entries()) {
      await storage.fme().set({ featureKey: FLAG, userId: user, isInHoldoutId: [number % 2 ? 7 : 8], notInHoldoutId: [9] });
    }
    await storage.flush({ timeoutMs: 60_000 });
    const other = UserStorage.open(url, { deadlineMs: 60_000 });
    for (const [number, user] of enabled.entries()) {
      const expected = { ...before[number], isInHoldoutId: [number % 2 ? 7 : 8], notInHoldoutId: [9] };
      assert.deepStrictEqual(await other.fme().get(FLAG, user), expected);
    }
    storage.close();
    other.close();
    const again = await decided(url, settings({ rollout: 1, experiment: { A: 1, B: 99 } }));
    for (const user of enabled) assert.strictEqual(again[user], first[user]);
  });
}

test('FME: what cannot be stored is refused, and what is hostile harms nobody', {}, async () => {
  const storage = UserStorage.open('memory:', { deadlineMs: 60_000 });
  const { get, set } = storage.fme(); // some take the methods off the object
  assert.strictEqual(await get(FLAG, '\ud800'), undefined);
  assert.strictEqual(await get(7, 'ann'), undefined);
  const cycle = {};
  cycle.cycle = cycle;
  for (const data of [undefined, 7, cycle, { userId: 'ann' }, { featureKey: FLAG, userId: 'ann', rolloutId: 1 }]) await set(data);
  await set(JSON.parse(`{"featureKey":"${FLAG}","userId":"ann","__proto__":{"polluted":true},"rolloutId":null}`));
  assert.deepStrictEqual(await get(FLAG, 'ann'), { userId: 'ann', featureKey: FLAG });
  assert.strictEqual(storage.stats().invalid, 7);
  storage.close();
  await assert.rejects(get(FLAG, 'ann'), { name: 'StayputError', kind: 'unavailable' });
});

/** What every user sees, from a client of its own: a name, or false. */
async function decided(url, settings) {
  const storage = url && UserStorage.open(url, { deadlineMs: 60_000 });
  const { init } = require('vwo-fme-node-sdk');
  const options = { accountId: '888888', sdkKey: 'key', settings, network, logger: { level: 'ERROR' }, isUsageStatsDisabled: true };
  const client = await init({ ...options, ...(storage && { storage: storage.fme() }) });
  const seen = {};
  const one = async user => {
    const flag = await client.getFlag(FLAG, { id: user });
    seen[user] = flag.isEnabled() && flag.getVariable('name', 'none');
  };
  await Promise.all(USERS.map(one));
  if (storage) {
    await storage.flush({ timeoutMs: 60_000 });
    storage.close();
  }
  return seen;
}

/** A feature with a rollout to a share of all users, and an experiment by its weights if any. */
function settings({ rollout = 100, experiment }) {
  const variation = (name, id, weight) =>
    ({ id, name, weight, segments: {}, variables: [{ id: 1, key: 'name', type: 'string', value: name }] });
  const campaign = (id, type, variations) =>
    ({ id, type, key: `${FLAG}_${id}`, name: `${FLAG}_${id}`, status: 'RUNNING', percentTraffic: 100, segments: {}, variations });
  const rule = ({ id, type }) => ({ type, ruleKey: `rule${id}`, campaignId: id, ...(type === 'FLAG_ROLLOUT' && { variationId: 1 }) });
  const campaigns = [campaign(1, 'FLAG_ROLLOUT', [variation('rollout', 1, rollout)])];
  if (experiment) {
    const variations = Object.entries(experiment).map(([name, weight], number) => variation(name, number + 1, weight));
    campaigns.push(campaign(2, 'FLAG_TESTING', variations));
  }
  const feature = {
    id: 1, key: FLAG, name: FLAG, type: 'FEATURE', status: 'ON', metrics: [], rules: campaigns.map(rule),
    variables: [{ id: 1, key: 'name', type: 'string', value: 'default' }],
  };
  return { accountId: 888888, sdkKey: 'key', version: 1, features: [feature], campaigns };
}
