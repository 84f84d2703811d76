'use strict';
// Visitors come, the weights change, the same visitors come again: npm run load. Fails if one of them sees something else.

const at = `http://127.0.0.1:${process.env.PORT || 3000}`;
const VISITORS = Number(process.env.VISITORS || 1_000);

async function ask(path, options) {
  const response = await fetch(at + path, options);
  if (!response.ok) throw Error(`${path}: ${response.status}`);
  return response.json();
}

async function visits() {
  const seen = new Map();
  for (let from = 0; from < VISITORS; from += 50) {
    const names = Array.from({ length: Math.min(50, VISITORS - from) }, (_, n) => `visitor-${from + n}`);
    for (const { visitor, button, search } of await Promise.all(names.map(name => ask(`/${name}`)))) {
      if (!button || !search) throw Error(`${visitor} takes part in nothing`);
      seen.set(visitor, `${button} and ${search}`);
    }
  }
  return seen;
}

/** The server may have been started a moment ago. */
async function started() {
  for (let time = 0; time < 100; time += 1) {
    if (await fetch(`${at}/metrics/storage`).then(() => true, () => false)) return;
    await new Promise(resolve => setTimeout(resolve, 100));
  }
}

async function main() {
  await started();
  await ask('/settings?green=50');
  const before = await visits();
  await ask('/settings?green=90');
  const after = await visits();
  const moved = [...before].filter(([visitor, saw]) => after.get(visitor) !== saw).length;
  const counts = [];
  for (let time = 0; time < 3; time += 1) counts.push((await ask('/visitor-0/buy', { method: 'POST' })).counted);
  console.log(`${VISITORS} visitors; ${moved} of them saw something else after the weights had changed`);
  console.log(`visitor-0 bought three times; counted: ${counts.join(', ')}`);
  process.exitCode = moved || counts.filter(Boolean).length > 1 ? 1 : 0;
}

main();
