'use strict';
// What child processes of the tests do: node roles.js ROLE PARAMETERS.

const cluster = require('cluster');
const { CAMPAIGN, launch, users } = require('./sdk');
const { UserStorage } = require('..');

const [, , name, text] = process.argv;
const parameters = JSON.parse(text);
const say = message => new Promise(resolve => process.send(message, resolve));
const hear = () => new Promise(resolve => process.once('message', resolve));
const storage = (options = {}) => UserStorage.open(parameters.url, { deadlineMs: 60_000, ...options });

const roles = {
  /** Activates some users and tells what they see. */
  async activate({ weights, from, to, step }) {
    const opened = storage();
    const client = launch(opened, weights);
    const seen = {};
    for (const user of users(from, to, step)) seen[user] = client.activate(CAMPAIGN, user);
    await opened.flush({ timeoutMs: 60_000 });
    await say(seen);
    process.disconnect();
  },

  /** Activates and tracks users, a batch at a time, each when it is told to; tells how many conversions counted. */
  async lockstep({ count, batch, goals }) {
    const opened = storage();
    const client = launch(opened);
    let counted = 0;
    for (let from = 0; from < count; from += batch) {
      await say('ready');
      await hear();
      for (const user of users(from, from + batch)) {
        client.activate(CAMPAIGN, user);
        for (const goal of goals) counted += client.track(CAMPAIGN, user, goal)[CAMPAIGN] ? 1 : 0;
      }
    }
    await opened.flush({ timeoutMs: 60_000 });
    await say({ counted });
    process.disconnect();
  },

  /** Sets into a spool, says so, and waits for its end. */
  async spool({ spool, count }) {
    const opened = storage({ spool });
    opened.get('nobody', CAMPAIGN);
    await say('open');
    await hear();
    for (const user of users(0, count)) {
      opened.set({ userId: user, campaignKey: CAMPAIGN, variationName: 'Control', goalIdentifier: 'g1' });
    }
    await opened.flush({ timeoutMs: 60_000 });
    await say(opened.stats());
    setInterval(() => {}, 1_000);
  },

  /** Tracks a goal of one user and tells whether it counted. */
  async track({ user, goal }) {
    const opened = storage();
    const counted = launch(opened).track(CAMPAIGN, user, goal)[CAMPAIGN];
    await opened.flush({ timeoutMs: 60_000 });
    await say(counted);
    process.disconnect();
  },

  /** Sets and has nothing left to do. */
  async leave({ count }) {
    const opened = storage();
    await say('open');
    await hear();
    for (const user of users(0, count)) opened.set({ userId: user, campaignKey: CAMPAIGN, variationName: 'Control' });
    await say('set');
    process.disconnect();
  },

  /** A cluster whose workers each set a user and see the user of the one before. */
  async cluster({ workers }) {
    cluster.setupPrimary({ exec: __filename, args: ['worker', text] });
    storage(); // the primary has it open, too
    const results = [];
    for (let number = 0; number < workers; number += 1) {
      const worker = cluster.fork({ NUMBER: number });
      worker.on('message', message => results.push(message));
      await new Promise(resolve => worker.on('exit', resolve));
    }
    await say(results);
    process.disconnect();
  },
  async worker() {
    const number = Number(process.env.NUMBER);
    const opened = storage();
    const before = number ? opened.get(`worker-${number - 1}`, CAMPAIGN) : { variationName: 'Control' };
    opened.set({ userId: `worker-${number}`, campaignKey: CAMPAIGN, variationName: 'Control' });
    await opened.flush();
    process.send(before && before.variationName, () => process.exit());
  },
};

roles[name](parameters).catch(error => {
  console.error(error);
  process.exit(1);
});
