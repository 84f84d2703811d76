'use strict';
// Settings files, as an account could have them: every kind of campaign, odd weights, segments, groups, flags.

const GOALS = ['signup', 'purchase', 'CUSTOM', 'a_vwo_b', 'café', 'video-played'];
const USERS = ['ann', 'bob', 'carl', 'dora', 'user-1', 'user-2', 'user-3', 'ü-7'];
const VARIABLES = ['colour', 'size', 'price', 'dark', 'theme', 'broken'];

function makeSettings(random) {
  const first = 100 + random.below(5000);
  const campaigns = random.several(1 + random.below(6), place => makeCampaign(random, first + place));
  const settings = { sdkKey: 'key-of-the-environment', accountId: 100000 + random.below(900000), version: 1, campaigns };
  if (random.chance(0.05)) settings.accountId = String(settings.accountId);
  if (random.chance(0.4)) settings.isNB = random.chance(0.9);
  if (random.chance(0.3)) settings.isNBv2 = random.chance(0.9);
  if (random.chance(0.25)) settings.isEventArchEnabled = true;
  if (random.chance(0.2)) settings.collectionPrefix = random.one(['eu01', 'as02', '']);
  if (random.chance(0.45) && campaigns.length > 1) addGroup(random, settings);
  return settings;
}

function makeCampaign(random, id) {
  const type = random.one(['VISUAL_AB', 'VISUAL_AB', 'VISUAL_AB', 'FEATURE_TEST', 'FEATURE_TEST', 'FEATURE_ROLLOUT']);
  const campaign = {
    id,
    key: random.chance(0.1) ? `kampagne ${id} – ß` : `campaign-${id}`,
    name: `Campaign ${id}`,
    status: random.chance(0.93) ? 'RUNNING' : random.one(['PAUSED', 'NOT_STARTED', 'running']),
    type,
    percentTraffic: random.one([100, 100, 100, 100, 100, 99, 75, 50, 33.3, 10, 0]),
    goals: type === 'FEATURE_ROLLOUT' && random.chance(0.7) ? [] : random.some(GOALS, 0.6).map((goal, place) => makeGoal(random, goal, place)),
    variations: makeVariations(random, type),
    segments: random.chance(0.25) ? makeSegments(random, 3) : {},
  };
  if (type === 'FEATURE_ROLLOUT') campaign.variables = makeVariables(random, 'rollout');
  if (random.chance(0.3)) campaign.isBucketingSeedEnabled = random.chance(0.8);
  if (random.chance(0.2)) campaign.isOB = random.chance(0.7);
  if (random.chance(0.2)) campaign.isOBv2 = random.chance(0.7);
  if (random.chance(0.1)) campaign.isMAB = random.chance(0.8);
  if (random.chance(0.3)) addWhitelist(random, campaign);
  return campaign;
}

function makeGoal(random, identifier, place) {
  const goal = { id: 200 + place, identifier, type: random.chance(0.35) ? 'REVENUE_TRACKING' : 'CUSTOM_GOAL' };
  if (random.chance(0.25)) goal.mca = random.one([-1, -1, 5, '-1']);
  if (goal.type === 'REVENUE_TRACKING' && random.chance(0.4)) goal.revenueProp = random.one(['price', 'amount']);
  return goal;
}

function makeVariations(random, type) {
  const count = type === 'FEATURE_ROLLOUT' ? 1 : 2 + random.below(4);
  const weights = random.one([
    () => random.several(count, () => 100 / count),
    () => random.several(count, () => Math.round((100 / count) * 1e4) / 1e4),
    () => random.several(count, () => random.below(60)),
    () => random.several(count, () => Math.round(random.number() * 1e4) / 100),
    () => random.several(count, place => (place === 0 ? 100 : 0)),
  ])();
  return weights.map((weight, place) => {
    const variation = { id: place + 1, name: place === 0 ? 'Control' : `Variation-${place}`, weight, changes: {} };
    if (type === 'FEATURE_TEST') {
      variation.isFeatureEnabled = random.chance(0.7);
      if (random.chance(0.9)) variation.variables = makeVariables(random, variation.name);
    }
    return variation;
  });
}

function makeVariables(random, text) {
  const values = {
    colour: ['string', () => random.one([text, '', 7, null])],
    size: ['integer', () => random.one([3, '42px', 'none', 2.9, ' 8', -1])],
    price: ['double', () => random.one([9.5, '1e2', 'abc', '.5', 7])],
    dark: ['boolean', () => random.one([true, false, 'true', 1])],
    theme: ['json', () => random.one([{ name: text, list: [1, { x: null }] }, '{}', [1], null])],
    broken: ['unknown', () => random.one([text, 5])],
  };
  return random.some(VARIABLES, 0.8).map((key, place) => {
    const [type, value] = values[key];
    return { id: place + 1, key, type, value: value() };
  });
}

/** A tree of the segmentation language. */
function makeSegments(random, depth) {
  if (depth === 0 || random.chance(0.4)) return makeCondition(random);
  const branch = () => makeSegments(random, depth - 1);
  return random.one([
    () => ({ or: random.several(1 + random.below(3), branch) }),
    () => ({ and: random.several(1 + random.below(3), branch) }),
    () => ({ not: branch() }),
  ])();
}

function makeCondition(random) {
  if (random.chance(0.15)) return { user: random.some(USERS, 0.4).join(random.one([',', ', '])) };
  const [name, pattern] = random.one([
    ['plan', ['gold', 'silver', 'lower(GOLD)', 'wildcard(*ol*)', 'wildcard(g*)', 'wildcard(*d)', 'regex(^g.*d$)', 'regex((?=g)gold)', 'regex([)', '']],
    ['age', ['gt(18)', 'gte(30.5)', 'lt(65)', 'lte(10)', '30', '30.0', 'gt(-5)', 'regex(^3)', 'wildcard(3*)', '0']],
    ['city', ['Berlin', 'lower(BERLIN)', 'wildcard(*er*)', 'regex(^[A-Z][a-z]+$)', 'regex((.)\\1)', 'wildcard(*)', 'lower(Straße)']],
    ['beta', ['true', 'false', 'null', 'lower(TRUE)', '1']],
  ]);
  return { custom_variable: { [name]: random.one(pattern) } };
}

function addWhitelist(random, campaign) {
  campaign.isForcedVariationEnabled = random.chance(0.9);
  if (random.chance(0.1)) campaign.isUserListEnabled = true;
  for (const variation of campaign.variations) {
    if (random.chance(0.6)) variation.segments = random.chance(0.6) ? { or: [{ user: random.some(USERS).join(',') }] } : makeSegments(random, 2);
    else if (random.chance(0.3)) variation.segments = {};
  }
}

/** Some of the campaigns exclude each other. */
function addGroup(random, settings) {
  const members = random.some(settings.campaigns, 0.7).map(campaign => campaign.id);
  const listed = random.chance(0.9) ? members : random.some(members);
  const group = { name: 'group', campaigns: listed };
  if (random.chance(0.7)) group.et = random.one([1, 2, 2]);
  if (group.et === 2) {
    group.p = random.some(members, 0.3);
    group.wt = Object.fromEntries(random.some(members, 0.7).map(id => [id, random.below(80)]));
  }
  settings.groups = { 5: group };
  settings.campaignGroups = Object.fromEntries(members.map(id => [id, 5]));
}

module.exports = { makeSettings, GOALS, USERS, VARIABLES };
