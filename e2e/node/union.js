'use strict';
// A storage that never forgets a goal.

const goals = record => ((record && record.goalIdentifier) || '').toString().split('_vwo_').filter(Boolean);

/** The fields of both, the newer ones where both have them, and every goal. */
function unite(held, record) {
  const all = [...new Set([...goals(held), ...goals(record)])].join('_vwo_');
  const united = { ...held, ...record };
  if (all) united.goalIdentifier = all;
  return united;
}

module.exports = { unite };
