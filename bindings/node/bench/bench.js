'use strict';
// A hit beside synckit and ioredis, and the SDK's activate of a returning user beside a preloaded map: both sides of a
// round right after each other, ratios are medians of the rounds. Started by `run`.

const os = require('os');
const Redis = require('ioredis');
const { createSyncFn } = require('synckit');
const { UserStorage } = require('..');
const { CAMPAIGN, lastWriteWins, launch, user } = require('../test/sdk');

const ROUNDS = 15;
const USERS = 500; // few enough to be read again within a second on a busy machine
const url = `${process.env.STAYPUT_TEST_REDIS}?prefix=bench-${process.pid}:`;

const median = values => [...values].sort((a, b) => a - b)[values.length >> 1];
const record = name => ({ userId: name, campaignKey: CAMPAIGN, variationName: 'Control', goalIdentifier: 'g1' });

/** The median time of a call in nanoseconds: the clock costs some 50 ns, so a few calls share a look at it. */
function p50(calls, together, work) {
  const times = [];
  for (let call = 0; call < calls; call += together) {
    const begun = process.hrtime.bigint();
    for (let n = 0; n < together; n += 1) work(user((call * 7919 + n * 104_729) % USERS));
    times.push(Number(process.hrtime.bigint() - begun) / together);
  }
  return median(times);
}

/** How often a second each of two does its work, by the median time of a few calls: both take turns all the time. */
function rates(calls, one, other) {
  const times = [[], []];
  for (let call = 0; call < calls; call += 1) {
    for (const side of call % 2 ? [0, 1] : [1, 0]) {
      const begun = process.hrtime.bigint();
      for (let n = 0; n < 5; n += 1) (side ? other : one)(user((call * 7919 + n) % USERS));
      times[side].push(Number(process.hrtime.bigint() - begun) / 5e9);
    }
  }
  return times.map(times => 1 / median(times));
}

async function main() {
  const storage = UserStorage.open(url, { deadlineMs: 1_000 });
  const redis = new Redis(process.env.STAYPUT_TEST_REDIS);
  const map = lastWriteWins();
  for (let number = 0; number < USERS; number += 1) {
    const kept = record(user(number));
    storage.set(kept);
    map.set(kept);
    await redis.set(`bench:${kept.userId}`, JSON.stringify(kept));
  }
  await storage.flush({ timeoutMs: 60_000 });
  await redis.quit();
  const synckit = createSyncFn(require.resolve('./worker'));
  const [ours, theirs] = [launch(storage), launch(map)];
  const activate = client => name => client.activate(CAMPAIGN, name);
  const get = name => storage.get(name, CAMPAIGN);
  const warm = () => { for (let number = 0; number < USERS; number += 1) get(user(number)); };

  const rounds = [];
  for (let round = 0; round < ROUNDS + 2; round += 1) {
    warm(); // what is older than a second is read again, which is not what is measured
    const hit = p50(2_000, 10, get);
    const sync = p50(300, 1, name => synckit(`bench:${name}`));
    warm();
    const [a, b] = rates(300, activate(ours), activate(theirs));
    if (round > 1) rounds.push({ hit, sync, a, b });
  }
  const of = pick => median(rounds.map(pick));
  const { hits, asked } = storage.stats();
  console.log(`${ROUNDS} rounds on ${os.cpus().length} × ${os.cpus()[0].model}, load ${os.loadavg()[0].toFixed(2)}, Node ${process.version}; ${hits} hits, ${asked} asked`);
  console.log(`hit, p50: ${Math.round(of(r => r.hit))} ns; synckit + ioredis: ${(of(r => r.sync) / 1000).toFixed(1)} µs; ${of(r => r.sync / r.hit).toFixed(0)} times as fast`);
  console.log(`activate of a returning user: ${Math.round(of(r => r.a))}/s; with a preloaded map: ${Math.round(of(r => r.b))}/s; ratio ${of(r => r.a / r.b).toFixed(2)}`);

  const before = process.memoryUsage().rss;
  const many = Number(process.env.STAYPUT_GETS || 10_000_000);
  for (let call = 0; call < many; call += 1) get(user(call % USERS));
  const grown = process.memoryUsage().rss - before;
  console.log(`${many} gets: the process grew by ${(grown / 2 ** 20).toFixed(1)} MiB to ${(process.memoryUsage().rss / 2 ** 20).toFixed(0)}`);
  storage.close();
  process.exit();
}

main();
