'use strict';
// What the object promises by itself: types, errors, hostile data, threads, and the end of a process.

const assert = require('assert');
const { Worker } = require('worker_threads');
const { UserStorage, StayputError } = require('..');
const { fresh, role, signal, test, until, wait } = require('./harness');

const CAMPAIGN = 'checkout';
const record = (userId, variationName, more) => ({ userId, campaignKey: CAMPAIGN, variationName, ...more });
const opened = (url, options) => UserStorage.open(url, { deadlineMs: 60_000, ...options });

for (const kind of ['file', 'redis']) {
  test(`${kind}: what is set is shown at once, as a fresh plain object, and is there for others after a flush`, { needs: kind }, async () => {
    const url = fresh(kind);
    const storage = opened(url);
    assert.strictEqual(storage.get('ann', CAMPAIGN), undefined);
    const metaData = { plan: 'gold', nested: [1, { a: null }] };
    assert.strictEqual(storage.set(record('ann', 'Control', { goalIdentifier: 'a_vwo_b' })), undefined);
    assert.deepStrictEqual(storage.get('ann', CAMPAIGN), record('ann', 'Control', { goalIdentifier: 'a_vwo_b' }));
    storage.set(record('ben', 'Control', { metaData, custom: 'é😀' }));
    await storage.flush();
    const other = opened(url);
    const read = other.get('ben', CAMPAIGN);
    assert.deepStrictEqual(read, record('ben', 'Control', { metaData, custom: 'é😀' }));
    read.variationName = read.metaData.plan = 'changed by its owner';
    assert.deepStrictEqual(other.get('ben', CAMPAIGN).metaData, metaData);
    assert.strictEqual(other.get('ann', 'another'), undefined);
    const scoped = opened(url, { scope: 'staging' });
    assert.strictEqual(scoped.get('ann', CAMPAIGN), undefined);
    for (const each of [storage, other, scoped]) each.close();
  });

  test(`${kind}: hostile ids and records never throw, pollute or reach anybody else`, { needs: kind }, async () => {
    const storage = opened(fresh(kind));
    const cyclic = record('ann', 'Control');
    cyclic.metaData = { cyclic };
    const thrower = { get userId() { throw Error('mine'); } };
    const bad = [
      undefined, null, 1, 'text', [], {}, () => 1, 10n, Symbol('x'), cyclic, thrower, record(1, 'Control'), record('ann'),
      record('ann', ['Control']), record('ann', 'Control', { goalIdentifier: 7 }), record('x'.repeat(10_240), 'Control'),
      record('\ud800', 'Control'), record('ann', '\udc00'), record('', 'Control'), record('a\0b', 'Control'),
      record('ann', 'Control', { metaData: 'x'.repeat(20_000) }), record('ann', 'Control', { metaData: { n: 1n } }),
    ];
    for (const each of bad) assert.strictEqual(storage.set(each), undefined);
    for (const id of [undefined, null, 1, {}, [], '', 'x'.repeat(10_240), '\ud800', '\udc00x', 'a\0b', Symbol('x')]) {
      assert.strictEqual(storage.get(id, CAMPAIGN), undefined);
      assert.strictEqual(storage.get('ann', id), undefined);
      await assert.rejects(storage.prefetch(id), StayputError);
    }
    await assert.rejects(storage.claim(cyclic), { kind: 'invalid' });
    await assert.rejects(storage.claim(record(1, 'Control')), { kind: 'invalid' });
    assert.ok(storage.stats().invalid >= bad.length + 11, JSON.stringify(storage.stats()));
    assert.strictEqual(storage.get('\ufffd', CAMPAIGN), undefined, 'what a lone surrogate would become');

    const odd = ['__proto__', 'constructor', 'toString', 'a:b', ' ', 'e\u0301', 'é', '😀', '../..', '%00'];
    for (const [number, id] of odd.entries()) storage.set({ userId: id, campaignKey: id, variationName: `V${number}` });
    const hostile = '{"userId":"eve","campaignKey":"checkout","variationName":"Control","__proto__":{"polluted":1},' +
      '"metaData":{"__proto__":{"polluted":2},"deep":[{"__proto__":{"polluted":3}}],"constructor":{"prototype":{"polluted":4}}}}';
    storage.set(JSON.parse(hostile));
    await storage.flush();
    for (const [number, id] of odd.entries()) assert.strictEqual(storage.get(id, id).variationName, `V${number}`);
    assert.strictEqual(storage.get('__proto__', 'constructor'), undefined);
    const eve = storage.get('eve', CAMPAIGN);
    const copied = {};
    for (const key in eve) copied[key] = eve[key];
    for (const each of [{}, eve, copied, eve.metaData, eve.metaData.deep[0], Object.assign({}, eve)]) {
      assert.strictEqual(each.polluted, undefined);
      assert.strictEqual(Object.getPrototypeOf(each), Object.prototype);
    }
    const { held } = await storage.claim(JSON.parse(hostile));
    assert.strictEqual(held.polluted, undefined);
    assert.ok(!Object.hasOwn(held, '__proto__') && !Object.hasOwn(held.metaData, '__proto__'));
    storage.close();
  });
}

test('open throws on a wrong URL or option, and says which', {}, () => {
  for (const [url, options] of [
    ['nowhere://x'], ['memory:?wrong=1'], [''], [undefined], [7], ['memory:', null], ['memory:', { deadlineMS: 1 }],
    ['memory:', { deadlineMs: -1 }], ['memory:', { deadlineMs: '20' }], ['memory:', { connectMs: NaN }],
    ['memory:', { nearCache: 7 }], ['memory:', { onMiss: 'throw' }], ['memory:', { onError: 1 }],
    ['memory:', { spool: 7 }], ['memory:', { spool: '' }], ['memory:', { spool: '/dev/null' }], ['memory:', { scope: '' }], ['memory:', { scope: '\ud800' }],
  ]) {
    assert.throws(() => UserStorage.open(url, options), { name: 'StayputError', kind: 'invalid' }, `${url}`);
  }
});

test('a store that is away is awaited, and onError hears of it', {}, async () => {
  const heard = [];
  const storage = UserStorage.open('redis://127.0.0.1:1', { connectMs: 20, onError: error => heard.push(error) });
  assert.strictEqual(storage.get('ann', CAMPAIGN), undefined);
  storage.set(record('ann', 'Control'));
  assert.strictEqual(storage.get('ann', CAMPAIGN).variationName, 'Control');
  await until('onError hears', () => heard.length > 0);
  assert.ok(heard[0] instanceof StayputError && heard[0].kind === 'unavailable', heard[0]);
  await assert.rejects(storage.flush({ timeoutMs: 20 }), { kind: 'timeout' });
  assert.strictEqual(storage.stats().waiting, 1);
  const off = UserStorage.open('redis://127.0.0.1:1', { connectMs: 0, onMiss: 'off' });
  assert.throws(() => off.get('ben', CAMPAIGN), { kind: 'unavailable' });
  assert.strictEqual(off.stats().unknown, 1);
  for (const each of [storage, off]) each.close();
});

test('an onError that throws harms nobody', {}, async () => {
  const warned = new Promise(resolve => process.once('warning', resolve));
  const onError = () => { throw Error('mine'); };
  const storage = UserStorage.open('redis://127.0.0.1:1', { connectMs: 0, onError });
  storage.set(record('ann', 'Control'));
  assert.match((await warned).message, /onError threw: mine/);
  storage.close();
});

test('a claim tells what is held and which goals are new', {}, async () => {
  const storage = opened(fresh('file'));
  const first = await storage.claim(record('ann', 'Control', { goalIdentifier: 'a' }));
  assert.deepStrictEqual(first, { outcome: 'created', newGoals: ['a'], held: record('ann', 'Control', { goalIdentifier: 'a' }) });
  const second = await storage.claim(record('ann', 'Variation-1', { goalIdentifier: 'a_vwo_b' }));
  assert.strictEqual(second.outcome, 'kept');
  assert.deepStrictEqual(second.newGoals, ['b']);
  assert.strictEqual(second.held.variationName, 'Control');
  storage.close();
});

test('what was read may be replaced, what was not may not', {}, async () => {
  const url = fresh('file');
  const [storage, other] = [opened(url), opened(url)];
  for (const user of ['ann', 'ben']) await storage.claim(record(user, 'Deleted'));
  assert.strictEqual(other.get('ann', CAMPAIGN).variationName, 'Deleted');
  for (const user of ['ann', 'ben']) other.set(record(user, 'New'));
  await other.flush();
  assert.strictEqual(storage.get('ann', CAMPAIGN).variationName, 'New');
  assert.strictEqual(storage.get('ben', CAMPAIGN).variationName, 'Deleted');
  for (const each of [storage, other]) each.close();
});

test('closed, it knows nothing, keeps nothing, and leaves no promise open', {}, async () => {
  const storage = UserStorage.open('redis://127.0.0.1:1', { connectMs: 0 });
  const pending = storage.claim(record('ann', 'Control'));
  const flushing = storage.flush();
  storage.close();
  storage.close();
  await assert.rejects(pending);
  await assert.rejects(flushing);
  assert.strictEqual(storage.get('ben', CAMPAIGN), undefined);
  storage.set(record('ben', 'Control'));
  await assert.rejects(storage.flush(), { kind: 'unavailable' });
  assert.strictEqual(storage.stats().lost, 1);
});

test('numbers are there for Prometheus, too', {}, () => {
  const storage = UserStorage.open('memory:');
  storage.get('ann', CAMPAIGN);
  assert.match(storage.metrics(), /stayput_connector_gets_total\{answer="asked"\} 1\n/);
  assert.strictEqual(storage.stats().asked, 1);
  storage.close();
});

test('a process that has nothing left to do delivers first', { needs: 'redis' }, async () => {
  const url = fresh('redis');
  const leaving = role('leave', { url, count: 500 });
  assert.strictEqual(await leaving.hear(), 'open');
  signal('SIGSTOP'); // more than can be on its way waits: none of it can be through by chance
  try {
    leaving.tell('set');
    assert.strictEqual(await leaving.hear(), 'set');
    await wait(500);
  } finally {
    signal('SIGCONT');
  }
  assert.strictEqual(await leaving.ended, 0);
  const storage = opened(url);
  for (let user = 0; user < 500; user += 1) assert.ok(storage.get(`user-${user}`, CAMPAIGN), `user-${user}`);
  storage.close();
});

test('worker threads each have a storage, over one folder', {}, async () => {
  const url = fresh('file');
  const source = `
    const { parentPort, workerData } = require('worker_threads');
    const { UserStorage } = require(workerData.module);
    const storage = UserStorage.open(workerData.url);
    for (let user = 0; user < 100; user += 1) {
      storage.get('user-' + user, 'checkout');
      storage.set({ userId: 'user-' + user, campaignKey: 'checkout', variationName: 'Control', goalIdentifier: workerData.goal });
    }
    storage.flush().then(() => parentPort.postMessage('done'));`;
  const workers = ['a', 'b', 'c'].map(goal => new Worker(source, {
    eval: true, workerData: { module: require.resolve('..'), url, goal },
  }));
  const ends = workers.map(worker => new Promise((resolve, reject) => worker.on('exit', resolve).on('error', reject)));
  assert.deepStrictEqual(await Promise.all(ends), [0, 0, 0]);
  const storage = opened(url);
  for (let user = 0; user < 100; user += 1) {
    const goals = storage.get(`user-${user}`, CAMPAIGN).goalIdentifier.split('_vwo_').sort();
    assert.deepStrictEqual(goals, ['a', 'b', 'c']);
  }
  storage.close();
});

test('a worker that is terminated harms nobody', {}, async () => {
  const source = `
    const { parentPort, workerData } = require('worker_threads');
    const { UserStorage } = require(workerData.module);
    const storage = UserStorage.open('redis://127.0.0.1:1', { connectMs: 0, onError() {} });
    storage.claim({ userId: 'ann', campaignKey: 'checkout', variationName: 'Control' }).catch(() => {});
    storage.flush().catch(() => {});
    setInterval(() => storage.set({ userId: 'ann', campaignKey: 'checkout', variationName: 'Control' }), 1);
    parentPort.postMessage('busy');`;
  for (let round = 0; round < 5; round += 1) {
    const worker = new Worker(source, { eval: true, workerData: { module: require.resolve('..') } });
    await new Promise(resolve => worker.once('message', resolve));
    await worker.terminate();
  }
});

for (const kind of ['file', 'redis']) {
  test(`${kind}: workers of a cluster share one store`, { needs: kind }, async () => {
    const seen = await role('cluster', { url: fresh(kind), workers: 3 }).hear();
    assert.deepStrictEqual(seen, ['Control', 'Control', 'Control']);
  });
}
