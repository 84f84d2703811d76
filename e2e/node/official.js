'use strict';
// Answers cases with the official SDK: node official.js SETTINGS < cases > answers. Nothing goes over the network, it is
// always the same moment, and random numbers are 0.5. A process handles one settings file, since the SDK keeps flags of
// the settings for the whole process.

const fs = require('fs');

const NOW = 1700000000000;
const copy = value => (value === undefined ? undefined : JSON.parse(JSON.stringify(value)));

let answer; // what the call that is under way has set and sent
let storage; // its storage

console.info = () => {}; // the SDK greets
prepare();
const vwo = require('vwo-node-sdk');
const settings = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const clients = new Map();
const cases = fs.readFileSync(0, 'utf8').split('\n').filter(Boolean).map(line => JSON.parse(line));
const lines = cases.map(made => JSON.stringify(made.steps ? sequence(made) : single(made)) + '\n');
process.stdout.write(lines.join(''), () => process.exit(0));

/** Takes the clock, randomness and the network away from the SDK. */
function prepare() {
  const functions = require('vwo-node-sdk/lib/utils/FunctionUtil');
  functions.getRandomNumber = () => 0.5;
  functions.getCurrentUnixTimestamp = () => NOW / 1000;
  functions.getCurrentUnixTimestampInMillis = () => NOW;
  const track = call => answer.tracks.push(copy(call));
  const events = require('vwo-node-sdk/lib/utils/EventDispatcherUtil');
  events.dispatchGetCall = properties => track({ via: 'GET', properties }) && false;
  events.dispatchPostCall = (properties, payload) => Promise.resolve(track({ via: 'POST', properties, payload }));
  const batches = require('vwo-node-sdk/lib/utils/BatchEventsDispatcher');
  batches.dispatch = (payload, _, query) => Promise.resolve(track({ via: 'BATCH', payload, query }));
  const queue = require('vwo-node-sdk/lib/services/BatchEventsQueue');
  queue.prototype.enqueue = event => track({ via: 'QUEUE', event });
  for (const name of ['http', 'https']) {
    require(name).get = require(name).request = () => {
      throw Error('nothing may go over the network here');
    };
  }
}

function single(made) {
  const stored = made.stored || {};
  const get = (user, campaign) => {
    if (made.getMode === 'throws') throw Error('the storage cannot be read');
    const record = Object.prototype.hasOwnProperty.call(stored, campaign) ? copy(stored[campaign]) : undefined;
    return made.getMode === 'promise' ? Promise.resolve(record) : record;
  };
  const set = () => {
    if (made.setMode === 'throws') throw Error('the storage cannot be written');
  };
  return { id: made.id, ...call(client(made), made, { get, set }) };
}

function sequence(made) {
  const records = new Map();
  const key = (user, campaign) => JSON.stringify([user, campaign]);
  const get = (user, campaign) => copy(records.get(key(user, campaign)));
  const set = record => {
    const place = key(record.userId, record.campaignKey);
    const kept = made.store === 'union' ? require('./union').unite(records.get(place), record) : record;
    records.set(place, kept);
  };
  const answers = made.steps.map(step => call(client(made), step, { get, set }));
  return { id: made.id, answers, final: [...records.values()] };
}

function client({ uss = true, launch = {} }) {
  const name = JSON.stringify([uss, launch]);
  if (!clients.has(name)) {
    const options = { settingsFile: copy(settings), logging: { logger: { log() {} } }, ...launch };
    const get = (user, campaign) => storage.get(user, campaign);
    const set = record => {
      answer.sets.push(copy(record));
      storage.set(copy(record));
    };
    if (uss) options.userStorageService = { get, set };
    clients.set(name, vwo.launch(options));
  }
  return clients.get(name);
}

function call(sdk, { api, campaignKey, userId, goalIdentifier, variableKey, options, arguments: all }, at) {
  const more = options === undefined ? [] : [copy(options)];
  const given = {
    getFeatureVariableValue: () => [campaignKey, variableKey, userId, ...more],
    push: () => copy(all),
    track: () => [campaignKey, userId, goalIdentifier, ...more],
  };
  [storage, answer] = [at, { sets: [], tracks: [] }];
  const result = sdk[api](...(given[api] || (() => [campaignKey, userId, ...more]))());
  return result === undefined ? { resultUndefined: true, ...answer } : { result: copy(result), ...answer };
}
