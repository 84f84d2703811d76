'use strict';
// Finds the binary: the one that `npm run build` made here, or the prebuilt package of this platform.

const fs = require('fs');

/** What Node calls this platform, as in the names of the prebuilt packages: linux-x64-gnu. */
function platform() {
  const name = `${process.platform}-${process.arch}`;
  if (process.platform === 'win32') return `${name}-msvc`;
  return process.platform === 'linux' ? `${name}-${isMusl() ? 'musl' : 'gnu'}` : name;
}

function isMusl() {
  try {
    const { header } = process.report.getReport();
    return !header.glibcVersionRuntime;
  } catch {
    return fs.existsSync('/etc/alpine-release');
  }
}

function load() {
  const own = `${__dirname}/stayput.node`;
  if (fs.existsSync(own)) return require(own);
  const name = `@stayput/${platform()}`;
  try {
    return require(name);
  } catch (cause) {
    const message = `stayput: ${name} cannot be loaded. In a clone of Stayput run \`npm run build\` in bindings/node;` +
      ' otherwise install without --omit=optional, or see docs/node.md for platforms without a prebuilt binary';
    throw Object.assign(new Error(message), { cause });
  }
}

module.exports = { platform, load };
