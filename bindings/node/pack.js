'use strict';
// Packs what is published: `node pack.js OUT [--platform NAME --binary FILE]…` writes one package for each platform's
// binary, and the package `stayput`, which asks for all of them as optional and gets the one that fits. Without binaries
// it packs what `npm run build` made, for this platform.

const { execFileSync } = require('child_process');
const fs = require('fs');
const path = require('path');
const { platform } = require('./native');

/** All that the release workflow builds. */
const PLATFORMS = {
  'linux-x64-gnu': { os: 'linux', cpu: 'x64', libc: 'glibc', target: 'x86_64-unknown-linux-gnu' },
  'linux-x64-musl': { os: 'linux', cpu: 'x64', libc: 'musl', target: 'x86_64-unknown-linux-musl' },
  'linux-arm64-gnu': { os: 'linux', cpu: 'arm64', libc: 'glibc', target: 'aarch64-unknown-linux-gnu' },
  'linux-arm64-musl': { os: 'linux', cpu: 'arm64', libc: 'musl', target: 'aarch64-unknown-linux-musl' },
  'darwin-x64': { os: 'darwin', cpu: 'x64', target: 'x86_64-apple-darwin' },
  'darwin-arm64': { os: 'darwin', cpu: 'arm64', target: 'aarch64-apple-darwin' },
  'win32-x64-msvc': { os: 'win32', cpu: 'x64', target: 'x86_64-pc-windows-msvc' },
};

const main = JSON.parse(fs.readFileSync(path.join(__dirname, 'package.json'), 'utf8'));
const [, , out, ...words] = process.argv;
if (!out) throw Error('usage: node pack.js OUT [--platform NAME --binary FILE]…');
const binaries = new Map();
for (let at = 0; at < words.length; at += 4) binaries.set(words[at + 1], words[at + 3]);
if (binaries.size === 0) binaries.set(platform(), path.join(__dirname, 'stayput.node'));

fs.mkdirSync(out, { recursive: true });
for (const [name, binary] of binaries) {
  if (!PLATFORMS[name]) throw Error(`there is no platform "${name}"; there are ${Object.keys(PLATFORMS).join(', ')}`);
  const { os, cpu, libc } = PLATFORMS[name];
  const { version, license, repository, engines } = main;
  write(`stayput-${name}`, {
    name: `@stayput/${name}`, version, license, repository, engines, description: `The binary of stayput for ${name}`,
    main: 'stayput.node', files: ['stayput.node'], os: [os], cpu: [cpu], ...(libc && { libc: [libc] }),
  }, folder => {
    const copy = path.join(folder, 'stayput.node');
    fs.copyFileSync(binary, copy);
    strip(copy);
  });
}
const optionalDependencies = Object.fromEntries(Object.keys(PLATFORMS).map(name => [`@stayput/${name}`, main.version]));
const { scripts, ...published } = main;
write('stayput', { ...published, optionalDependencies }, folder => {
  for (const file of main.files) fs.copyFileSync(path.join(__dirname, file), path.join(folder, file));
});

/** Packs a folder that `fill` fills. */
function write(name, manifest, fill) {
  const folder = path.join(out, name);
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder);
  fs.writeFileSync(path.join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  fill(folder);
  const shell = process.platform === 'win32'; // there npm is a script, which Node runs in a shell or not at all
  const packed = shell ? `"${path.resolve(out)}"` : path.resolve(out);
  execFileSync('npm', ['pack', '--silent', '--pack-destination', packed], { cwd: folder, shell, stdio: ['ignore', 'ignore', 'inherit'] });
}

/** Debugging information is half of it. Other platforms' binaries stay as they are where the tool does not know them. */
function strip(binary) {
  try {
    execFileSync('strip', ['--strip-debug', binary], { stdio: 'ignore' });
  } catch {
    // Larger, and as good.
  }
}
