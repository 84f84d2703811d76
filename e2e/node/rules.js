'use strict';
// The cases of docs/differences.md in which an answer may differ from the official one.

const isText = value => value === undefined || value === null || typeof value === 'string';

/** The rule that a single call falls under, if any. */
function ruleFor(settings, made) {
  if (made.getMode === 'throws') return 'a read that fails';
  for (const [campaign, record] of Object.entries(made.stored || {})) {
    const rule = oddRecord(record, made.userId, campaign);
    if (rule) return rule;
  }
  const data = made.options && made.options.userStorageData;
  if (!data) return undefined;
  const called = typeof made.campaignKey === 'string' ? made.campaignKey : undefined;
  const rule = called && oddRecord(data, made.userId, called);
  if (rule) return rule;
  return settings.groups || !called ? 'userStorageData is for the called campaign' : undefined;
}

function oddRecord(record, user, campaign) {
  const other = (value, own) => typeof value === 'string' && value !== '' && value !== own;
  if (other(record.userId, user) || other(record.campaignKey, campaign)) return 'a record of another user or campaign';
  const fields = [record.userId, record.campaignKey, record.variationName, record.goalIdentifier];
  return fields.every(isText) ? undefined : 'a record with a field of a wrong type';
}

/** Whether the official SDK set two different records for one campaign in one call. */
function setsTwice({ sets }) {
  const text = set => JSON.stringify(set);
  return sets.some(one => sets.some(other => one.campaignKey === other.campaignKey && text(one) !== text(other)));
}

module.exports = { ruleFor, setsTwice };
