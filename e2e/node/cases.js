'use strict';
// Calls that an application could make on an account with given settings, and what its storage could hold.

const { GOALS, USERS, VARIABLES } = require('./settings');

const LAUNCHES = [
  { shouldTrackReturningUser: true },
  { shouldTrackReturningUser: false },
  { goalTypeToTrack: 'CUSTOM_GOAL' },
  { goalTypeToTrack: 'REVENUE_TRACKING' },
  { batchEvents: { eventsPerRequest: 100, requestTimeInterval: 60 } },
  { isDevelopmentMode: true },
  { goalTypeToTrack: 'NO_SUCH_TYPE' },
  { shouldTrackReturningUser: 'yes' },
];

function makeCase(random, settings) {
  const campaign = random.one(settings.campaigns);
  const made = makeCall(random, campaign, makeUser(random), settings);
  if (random.chance(0.1)) made.uss = false;
  else if (random.chance(0.6)) made.stored = makeStored(random, settings, campaign, made.userId);
  if (random.chance(0.02)) made.getMode = random.one(['throws', 'promise']);
  if (random.chance(0.02)) made.setMode = 'throws';
  if (random.chance(0.25)) made.launch = random.one(LAUNCHES);
  return made;
}

/** One user, one storage, several calls. */
function makeSequence(random, settings) {
  const user = makeUser(random);
  const variables = makeVariables(random);
  const campaigns = random.several(2, () => random.one(settings.campaigns));
  const steps = random.several(4 + random.below(8), place => {
    const step = makeCall(random, random.one(campaigns), user, settings, place === 0);
    step.options = { ...step.options, customVariables: variables };
    delete step.options.userStorageData;
    return step;
  });
  return { store: random.one(['union', 'union', 'lww']), steps };
}

function makeCall(random, campaign, userId, settings, begins = false) {
  const isTest = campaign.type === 'VISUAL_AB';
  const begin = isTest ? 'activate' : 'isFeatureEnabled';
  const others = ['activate', 'isFeatureEnabled', 'getVariationName', 'getFeatureVariableValue', 'track', 'push'];
  const usual = isTest ? ['activate', 'activate', 'getVariationName', 'track', 'track', 'track'] : ['isFeatureEnabled', 'getFeatureVariableValue', 'track'];
  const api = begins ? begin : random.one(random.chance(0.9) ? usual : others);
  if (api === 'push') return { api, userId, arguments: makePush(random, userId) };
  const call = { api, campaignKey: random.chance(0.97) ? campaign.key : 'nowhere', userId };
  if (api === 'getFeatureVariableValue') call.variableKey = random.chance(0.95) ? random.one(VARIABLES) : 'none';
  if (api === 'track') {
    const own = campaign.goals.map(goal => goal.identifier);
    call.goalIdentifier = random.one(random.chance(0.8) && own.length > 0 ? own : [...GOALS, 'none']);
    if (random.chance(0.15)) call.campaignKey = null;
    else if (random.chance(0.15)) call.campaignKey = random.some(settings.campaigns).map(each => each.key);
  }
  const options = makeOptions(random, api, campaign, userId);
  if (Object.keys(options).length > 0) call.options = options;
  return call;
}

function makeOptions(random, api, campaign, userId) {
  const options = {};
  if (random.chance(0.6)) options.customVariables = makeVariables(random);
  if (random.chance(0.3)) options.variationTargetingVariables = makeVariables(random);
  if (random.chance(0.1)) options.shouldTrackReturningUser = random.chance(0.6);
  if (random.chance(0.1)) options.metaData = random.one([{}, { from: 'mail' }, { deep: { list: [1, null] } }]);
  if (random.chance(0.04)) options.userStorageData = makeRecord(random, campaign, userId);
  if (random.chance(0.1)) options.userAgent = random.one(['Mozilla/5.0 (X11; ü)', '', 'a&b=c']);
  if (random.chance(0.1)) options.userIpAddress = random.one(['10.0.0.1', '::1']);
  if (random.chance(0.02)) options.customVariables = random.one(['none', null, 7, []]);
  if (api === 'track') {
    if (random.chance(0.5)) options.revenueValue = random.one([10, 99.5, '12.5', 0, -3, '', true]);
    if (random.chance(0.1)) options.goalTypeToTrack = random.one(['ALL', 'CUSTOM_GOAL', 'REVENUE_TRACKING', 'NONE']);
    if (random.chance(0.3)) options.eventProperties = random.one([{}, { price: 10 }, { amount: '3', price: null }, { 7: 'x', other: [1] }]);
  }
  return options;
}

function makePush(random, userId) {
  const value = () => random.one(['gold', 'é & "', ' ', 'x'.repeat(256), '']);
  const tags = random.one([{}, { plan: 'gold' }, { plan: 'gold', 7: 'b', nested: { x: [1, null] } }, { flag: true, 'ä b': 1.5 }]);
  return random.one([
    () => [random.one(['plan', 'ü', ' ', 'a=b']), value(), userId],
    () => [tags, userId],
    () => ['alone'],
  ])();
}

function makeUser(random) {
  if (random.chance(0.3)) return random.one(USERS);
  if (random.chance(0.05)) return random.one(['', 'x'.repeat(200), '🙂🙂', 'a b', '__proto__', 'null', '0', ' ann']);
  return `user-${random.below(100000)}`;
}

function makeVariables(random) {
  const variables = {};
  if (random.chance(0.7)) variables.plan = random.one(['gold', 'Gold', 'silver', '', null, true, 7]);
  if (random.chance(0.7)) variables.age = random.one([5, 10, 18, 30, 30.5, '30.0', 65, '31 years', -1, 0, null, 1e21]);
  if (random.chance(0.6)) variables.city = random.one(['Berlin', 'berlin', 'STRASSE', 'straße', 'Oslo', 'Anna', '', 12, {}]);
  if (random.chance(0.4)) variables.beta = random.one([true, false, 'true', null, 1]);
  return variables;
}

function makeStored(random, settings, called, userId) {
  const held = settings.campaigns.filter(campaign => random.chance(campaign === called ? 0.9 : 0.2));
  return Object.fromEntries(held.map(campaign => [campaign.key, makeRecord(random, campaign, userId)]));
}

function makeRecord(random, campaign, userId) {
  const record = { userId, campaignKey: campaign.key, variationName: random.one(campaign.variations).name };
  if (random.chance(0.5)) record.goalIdentifier = random.some(GOALS, 0.4).join('_vwo_');
  if (random.chance(0.1)) record.metaData = { from: 'storage' };
  if (random.chance(0.05)) record.variationName = random.one(['Deleted', '', null, 'control']);
  if (random.chance(0.02)) record.campaignKey = random.one(['other', undefined, '']);
  if (random.chance(0.02)) record.userId = random.one(['other', undefined]);
  if (random.chance(0.02)) record[random.one(['variationName', 'goalIdentifier'])] = random.one([5, ['x'], true]);
  return record;
}

module.exports = { makeCase, makeSequence };
