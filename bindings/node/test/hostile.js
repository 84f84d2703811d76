'use strict';
// A store that means harm: a server of `stayput:` that answers what it should not.

const assert = require('assert');
const http = require('http');
const { UserStorage } = require('..');
const { test, until } = require('./harness');
const { CAMPAIGN, launch } = require('./sdk');

const assignment = { variation: 'Control', by: '0000000000000001', replaced: null, goals: [], metaData: null, extra: null,
  assignedAt: 1, changedAt: 1, expiresAt: null, revision: 1, epoch: 0 };
const entry = (userId, more) =>
  ({ key: { scope: 'default', kind: 'classic', userId, campaignKey: CAMPAIGN }, assignment: { ...assignment, ...more } });
const polluting = '{"__proto__":{"polluted":1},"deep":[{"__proto__":{"polluted":2}}],"constructor":{"prototype":{"polluted":3}}}';

/** By user: what is answered to a question for everything of the user, and to one for the campaign. */
const ANSWERS = {
  foreign: [JSON.stringify([entry('eve', { variation: 'Eve' })]), '[null]'],
  several: [JSON.stringify([entry('several'), entry('eve', { variation: 'Eve' })]), '[null]'],
  scoped: [JSON.stringify([{ ...entry('scoped'), key: { ...entry('scoped').key, scope: 'other' } }]), '[null]'],
  types: ['{"not":"a list"}', '[{"variation":7}]'],
  missing: ['[{}]', '[]'],
  more: ['[null]', '[null,null]'],
  long: [JSON.stringify([entry('x'.repeat(10_240))]), JSON.stringify([{ ...assignment, variation: 'x'.repeat(10_240) }])],
  proto: ['{"__proto__":[]}', '[{"__proto__":{"polluted":1}}]'],
  surrogate: [JSON.stringify([entry('surrogate')]).replace('Control', '\\ud800'), '["\\udc00"]'],
  zero: [JSON.stringify([entry('zero', { variation: 'a\0b' })]), JSON.stringify([{ ...assignment, variation: 'a\0b' }])],
  bytes: [Buffer.from([0xff, 0xfe, 0x00]), Buffer.alloc(100_000, 0x5b)],
  cut: [JSON.stringify([entry('cut')]).slice(0, -20), '['],
};

test('a hostile store: records of others, wrong types, long ids, __proto__ and lone surrogates harm nobody and are counted', {}, async () => {
  const server = http.createServer((request, response) => {
    const chunks = [];
    request.on('data', chunk => chunks.push(chunk)).on('end', () => {
      const body = Buffer.concat(chunks).toString();
      const user = Object.keys(ANSWERS).find(user => body.includes(`"${user}"`));
      if (request.url.endsWith('/user')) return response.end(user ? ANSWERS[user][0] : own(JSON.parse(body).userId));
      if (request.url.endsWith('/get')) return response.end(user ? ANSWERS[user][1] : '[null]');
      if (request.url.endsWith('/claim')) return response.end('[{"held":{"__proto__":{"polluted":4}},"outcome":"mine"}]');
      response.statusCode = 404;
      response.end();
    });
  });
  const own = user => `[${JSON.stringify(entry(user)).replace('"extra":null', `"extra":${polluting}`)}]`;
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
  // This thread serves, so it must not wait: what is asked is asked beforehand.
  const storage = UserStorage.open(`stayput://127.0.0.1:${server.address().port}`, { deadlineMs: 0 });
  for (const user of Object.keys(ANSWERS)) {
    const { errors } = storage.stats();
    await storage.prefetch(user, [CAMPAIGN]).catch(error => assert.strictEqual(error.kind, 'corrupt', user));
    assert.ok(storage.stats().errors > errors, `${user} is counted`);
    assert.strictEqual(storage.get(user, CAMPAIGN), undefined, user);
    assert.ok(launch(storage).activate(CAMPAIGN, user), 'the SDK decides');
  }
  let eva;
  await until('a good answer is shown', async () => {
    await storage.prefetch('eva', [CAMPAIGN]);
    return (eva = storage.get('eva', CAMPAIGN)); // it may be a second old already
  });
  const copied = {};
  for (const key in eva) copied[key] = eva[key];
  for (const each of [{}, eva, copied, eva.deep[0], Object.assign({}, eva)]) {
    assert.strictEqual(each.polluted, undefined);
    assert.strictEqual(Object.getPrototypeOf(each), Object.prototype);
  }
  assert.strictEqual(eva.variationName, 'Control');
  await assert.rejects(storage.claim({ userId: 'ann', campaignKey: CAMPAIGN, variationName: 'Control' }), { kind: 'corrupt' });
  assert.ok(storage.stats().lost > 0, 'what the store will never take is counted, too');
  assert.strictEqual({}.polluted, undefined);
  storage.close();
  server.closeAllConnections();
  server.close();
});
