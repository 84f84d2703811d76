'use strict';
// The differential test: settings and cases are made afresh, the official SDK and `stayput decide` answer them, and every
// answer that differs must fall under a rule of docs/differences.md.

const { execFileSync } = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');
const { Random } = require('./random');
const { makeSettings } = require('./settings');
const { makeCase, makeSequence } = require('./cases');
const { ruleFor, setsTwice } = require('./rules');
const { unite } = require('./union');

const TOTAL = process.env.STAYPUT_LONG === '1' ? 100000 : 10000;
const CASES = 90; // of one settings file, and so many sequences beside them:
const SEQUENCES = 10;
const seed = process.env.STAYPUT_SEED ? Number(process.env.STAYPUT_SEED) : Date.now() % 2 ** 32;

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'stayput-'));
const file = path.join(folder, 'settings.json');
const random = new Random(seed);
const rules = {};
const failures = { 'single calls': [], sequences: [] };

console.log(`seed ${seed}: ${TOTAL} cases (STAYPUT_SEED=${seed} repeats them)`);
for (let done = 0; done < TOTAL; done += CASES + SEQUENCES) {
  const settings = makeSettings(random);
  const cases = random.several(CASES, () => makeCase(random, settings));
  const sequences = random.several(SEQUENCES, () => makeSequence(random, settings));
  compareAll(settings, [...cases, ...sequences].map((made, place) => ({ id: done + place, ...made })));
}
fs.rmSync(folder, { recursive: true });
report();

function compareAll(settings, cases) {
  fs.writeFileSync(file, JSON.stringify(settings));
  const input = cases.map(made => JSON.stringify(made) + '\n').join('');
  const theirs = answers(process.execPath, [path.join(__dirname, 'official.js'), file], input);
  const ours = answers(process.env.STAYPUT_BIN, ['decide', '--settings', file], input);
  cases.forEach((made, place) => {
    if (!ours[place] || ours[place].id !== made.id) throw Error(`case ${made.id} was not answered in its place`);
    const kind = made.steps ? 'sequences' : 'single calls';
    const outcome = (made.steps ? compareSequence : compareSingle)(settings, made, theirs[place], ours[place]);
    if (outcome === 'differs') failures[kind].push({ settings, case: made, official: theirs[place], ours: ours[place] });
    else rules[outcome] = (rules[outcome] || 0) + 1;
  });
}

function answers(command, given, input) {
  const output = execFileSync(command, given, { input, stdio: 'pipe', encoding: 'utf8', maxBuffer: 2 ** 28 });
  return output.trimEnd().split('\n').map(line => JSON.parse(line));
}

function compareSingle(settings, made, theirs, ours) {
  const left = ({ sets }) => sets.reduce((records, set) => {
    const held = records[set.campaignKey] || (made.stored || {})[set.campaignKey];
    return { ...records, [set.campaignKey]: unite(held, set) };
  }, {});
  if (same(answer(theirs), answer(ours)) && same(left(theirs), left(ours))) return 'equal';
  return ruleFor(settings, made) || 'differs';
}

function compareSequence(settings, made, theirs, ours) {
  let doubled = false; // from here on a storage of the last record may have forgotten goals
  for (const [place, step] of theirs.answers.entries()) {
    if (!same(answer(step), answer(ours.answers[place])) && !doubled) return 'differs';
    doubled = doubled || (made.store === 'lww' && setsTwice(step));
  }
  const equal = same(theirs.final, ours.final) && theirs.answers.every((step, at) => same(answer(step), answer(ours.answers[at])));
  if (equal) return 'equal';
  return doubled ? 'the double set' : 'differs';
}

function answer({ result, resultUndefined, tracks }) {
  return { result, resultUndefined, tracks };
}

function same(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}

function report() {
  const wrong = Object.entries(failures).filter(([, found]) => found.length > 0);
  for (const [kind, found] of wrong) {
    console.log(`${kind}: ${found.length} differ; the first:`);
    for (const [name, value] of Object.entries(found[0])) console.log(`  ${name}: ${JSON.stringify(value)}`);
  }
  for (const [rule, count] of Object.entries(rules).sort()) console.log(`${count} ${rule}`);
  const passed = Object.keys(failures).length - wrong.length;
  console.log(`test result: ${wrong.length ? 'FAILED' : 'ok'}. ${passed} passed; ${wrong.length} failed; 0 ignored`);
  process.exit(wrong.length ? 1 : 0);
}
