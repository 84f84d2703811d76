'use strict';
// The official SDK over a storage, without a network.

console.info = () => {}; // it greets, and tells of each launch
const vwo = require('vwo-node-sdk');

const CAMPAIGN = 'checkout';
const GOALS = ['g1', 'g2', 'g3', 'g4'];

function settings(weights) {
  const variations = Object.entries(weights).map(([name, weight], id) => ({ id: id + 1, name, weight, changes: {} }));
  const goals = GOALS.map((identifier, id) => ({ id: id + 1, identifier, type: 'CUSTOM_GOAL' }));
  const campaign = {
    id: 230, key: CAMPAIGN, name: CAMPAIGN, type: 'VISUAL_AB', status: 'RUNNING', percentTraffic: 100,
    segments: {}, variations, goals,
  };
  return { accountId: 888888, sdkKey: 'key', version: 1, campaigns: [campaign] };
}

const EVEN = { Control: 50, 'Variation-1': 50 };
const UNEVEN = { Control: 10, 'Variation-1': 90 };

/** A client; `weights` of the two variations. */
function launch(storage, weights = EVEN) {
  return vwo.launch({
    settingsFile: settings(weights),
    userStorageService: storage,
    isDevelopmentMode: true,
    logging: { logger: { log() {} } },
  });
}

/** What the seed page shows: keeps the last record. */
function lastWriteWins() {
  const records = new Map();
  return {
    get: (user, campaign) => records.get(JSON.stringify([user, campaign])),
    set: record => void records.set(JSON.stringify([record.userId, record.campaignKey]), { ...record }),
  };
}

/** Answers every call of an SDK of FME, so that none leaves this process. */
const done = { getStatusCode: () => 200, getData: () => ({}), getError: () => undefined, getTotalAttempts: () => 0 };
const network = { client: { GET: async () => done, POST: async () => done } };

const user = number => `user-${number}`;
const users = (from, to, step = 1) => Array.from({ length: Math.ceil((to - from) / step) }, (_, n) => user(from + n * step));

module.exports = { CAMPAIGN, EVEN, GOALS, UNEVEN, lastWriteWins, launch, network, user, users };
