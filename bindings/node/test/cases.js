'use strict';
// VWO's own cases for its FME SDKs, each run twice with this storage: who comes again, to another process, sees the same.

const assert = require('assert');
const { init } = require('vwo-fme-node-sdk');
const official = require('vwo-fme-sdk-e2e-test-settings-n-cases');
const { UserStorage } = require('..');
const { network } = require('./sdk');
const { fresh, test } = require('./harness');

const { GETFLAG_TESTS: groups } = official;
const VARIABLES = {
  intVariable: ['int', 1], stringVariable: ['string', 'VWO'], floatVariable: ['float', 1.1], booleanVariable: ['boolean', false],
  jsonVariable: ['json', {}],
};

for (const kind of ['file', 'redis']) {
  test(`${kind}: FME: the official cases give the results they expect, and give them again`, { needs: kind }, async () => {
    let count = 0;
    for (const [group, cases] of Object.entries(groups)) {
      for (const { settings, description, context, featureKey, featureKey_2: second, expectation } of cases) {
        const url = fresh(kind);
        const users = [context.id].flat();
        for (const visit of ['first', 'second']) {
          const storage = UserStorage.open(url, { deadlineMs: 60_000 });
          const client = await launch(official[settings], storage);
          const what = `${group}, ${description}, ${visit} visit`;
          for (const id of users) {
            const flags = [];
            for (const key of second ? [featureKey, second] : [featureKey]) flags.push(await client.getFlag(key, { ...context, id }));
            second ? salted(flags, expectation, what) : expected(flags[0], expectation, what);
            if (expectation.storageData) await stored(storage, featureKey, id, expectation, what);
          }
          await storage.flush({ timeoutMs: 60_000 });
          const { invalid, lost } = storage.stats();
          assert.deepStrictEqual({ invalid, lost }, { invalid: 0, lost: 0 }, what);
          storage.close();
        }
        count += 1;
      }
    }
    assert.ok(count >= 29, `${count} cases`);
    return `${count} cases, twice`;
  });
}

function expected(flag, expectation, what) {
  assert.strictEqual(flag.isEnabled(), expectation.isEnabled, what);
  for (const [name, [key, otherwise]] of Object.entries(VARIABLES)) {
    assert.deepStrictEqual(flag.getVariable(key, otherwise), expectation[name], `${what}: ${name}`);
  }
}

/** What the cases of the same and of different salts compare: the variables of two features. */
function salted(flags, { shouldReturnSameVariation }, what) {
  const [one, other] = flags.map(flag => JSON.stringify(flag.getVariables()));
  if (shouldReturnSameVariation) assert.strictEqual(one, other, what);
}

async function stored(storage, featureKey, userId, { storageData }, what) {
  const held = await storage.fme().get(featureKey, userId);
  for (const [field, value] of Object.entries(storageData)) assert.strictEqual(held[field], value, `${what}: ${field}`);
  if (!Object.keys(storageData).length) assert.strictEqual(held, undefined, what);
}

const launch = (settings, storage) => init({
  accountId: `${settings.accountId}`, sdkKey: settings.sdkKey, settings, network, storage: storage.fme(),
  logger: { level: 'ERROR' }, isUsageStatsDisabled: true,
});
