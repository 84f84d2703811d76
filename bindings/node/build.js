'use strict';
// Builds the binary into this folder: npm run build [-- --profile NAME] [-- --target TRIPLE] [-- --workspace]. Needs Rust.
// CARGO_TARGET_DIR says where Cargo works; by default that is `target` of the clone. With --workspace everything is built
// as the tests of the clone build it, so that they share what is built.

const { execFileSync } = require('child_process');
const fs = require('fs');
const path = require('path');

const option = name => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? undefined : process.argv[at + 1];
};
const profile = option('profile') || 'release';
const target = option('target');
const what = process.argv.includes('--workspace') ? ['--workspace', '--all-features', '--lib'] : ['--package', 'stayput-node'];
const cargo = ['build', '--quiet', ...what, '--profile', profile, '--message-format', 'json-render-diagnostics'];
if (target) cargo.push('--target', target);

const messages = execFileSync('cargo', cargo, { cwd: __dirname, stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 1 << 30 });
const built = messages.toString().split('\n').filter(Boolean).map(line => JSON.parse(line))
  .filter(message => message.reason === 'compiler-artifact' && message.target.name === 'stayput_node')
  .flatMap(message => message.filenames).find(name => /\.(so|dylib|dll)$/.test(name));
if (!built) throw Error('Cargo built no library');
const binary = path.join(__dirname, 'stayput.node');
// Not written over: a process that has the old one loaded keeps it.
fs.copyFileSync(built, `${binary}.new`);
fs.renameSync(`${binary}.new`, binary);
