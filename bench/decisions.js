'use strict';
// The same work in the official Node SDK, with a storage in memory and nothing sent: node decisions.js SETTINGS
const fs = require('fs');

console.info = () => {};
const nothing = { log() {} };
for (const [file, name] of [['EventDispatcherUtil', 'dispatchGetCall'], ['EventDispatcherUtil', 'dispatchPostCall']]) {
  require(`vwo-node-sdk/lib/utils/${file}`)[name] = () => false;
}
const settingsFile = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const records = new Map();
const userStorageService = {
  get: (user, campaign) => records.get(`${campaign}:${user}`),
  set: record => records.set(`${record.campaignKey}:${record.userId}`, record),
};
const sdk = require('vwo-node-sdk').launch({ settingsFile, userStorageService, logging: { logger: nothing } });

const users = Array.from({ length: 1000 }, (_, user) => `returning-${user}`);
for (const user of users) if (!sdk.activate('checkout', user)) throw Error('the user is not in the experiment');
report('returning', 400, 100, round => sdk.activate('checkout', users[round % users.length]));
report('first', 200, 100, round => sdk.activate('checkout', `user-${round}`));

function report(name, parts, rounds, one) {
  const times = [];
  for (let part = 0; part < parts; part++) {
    const start = process.hrtime.bigint();
    for (let round = 0; round < rounds; round++) one(part * rounds + round);
    times.push(Number(process.hrtime.bigint() - start) / rounds);
  }
  times.sort((one, other) => one - other);
  console.log(JSON.stringify({ name, best: times[0], median: times[parts >> 1] }));
}
