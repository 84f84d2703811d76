'use strict';
// Runs tests one after another and reports them as Rust's test runner does, whose figures ./test adds up.

const { execFileSync, fork, spawn } = require('child_process');
const fs = require('fs');
const net = require('net');
const os = require('os');
const path = require('path');

const tests = [];
const redis = process.env.STAYPUT_TEST_REDIS;
const PATIENCE = 60_000;

/** A test; `needs: 'redis'` ignores it where there is none. `patience` is how long it may take, in milliseconds. */
const test = (name, options, run) => tests.push({ name, options, run });
const wait = ms => new Promise(resolve => setTimeout(resolve, ms));

async function until(what, holds) {
  const end = Date.now() + PATIENCE;
  while (!(await holds())) {
    if (Date.now() > end) throw Error(`never: ${what}`);
    await wait(5);
  }
}

let folders = 0;
/** The URL of an empty store; for Redis one with a prefix of its own. */
function fresh(kind) {
  folders += 1;
  if (kind === 'file') return `file:${fs.mkdtempSync(path.join(os.tmpdir(), 'stayput-node-'))}`;
  return `${redis}?prefix=node-${process.pid}-${folders}:`;
}

/** Runs a role of roles.js in a process of its own; `tell` and `hear` talk to it. */
function role(name, parameters) {
  const child = fork(path.join(__dirname, 'roles.js'), [name, JSON.stringify(parameters)], { stdio: 'inherit' });
  const heard = [];
  let wake = () => {};
  child.on('message', message => (heard.push(message), wake()));
  const ended = new Promise(resolve => child.on('exit', code => (resolve(code), wake())));
  const hear = async () => {
    while (!heard.length) {
      if (child.exitCode !== null) throw Error(`${name} ended with ${child.exitCode} and said nothing`);
      await new Promise(resolve => (wake = resolve));
    }
    return heard.shift();
  };
  return { tell: message => child.send(message), hear, ended, kill: () => child.kill('SIGKILL') };
}

/** Below those that the system hands out: whoever knocks at one of these while nobody listens may be connected to itself. */
async function freePort() {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const listening = net.createServer();
    const free = await new Promise(resolve => listening.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true)));
    if (!free) continue;
    await new Promise(resolve => listening.close(resolve));
    return port;
  }
}

/** A Redis server of a test's own, which keeps nothing: killed and started again, it is empty. */
async function server() {
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  let child;
  const answers = () => new Promise(resolve => {
    const socket = net.connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    socket.once('data', () => (socket.destroy(), resolve(true))).once('error', () => resolve(false));
  });
  const start = async () => {
    const options = ['--port', port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', os.tmpdir()];
    child = spawn('redis-server', options, { stdio: 'ignore' });
    await until('redis-server answers', answers);
  };
  const kill = async () => {
    const ended = new Promise(resolve => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  };
  process.once('exit', () => child && child.kill('SIGKILL'));
  await start();
  return { url, start, kill };
}

/** Stops and continues the Redis server of the tests. */
const signal = name => process.kill(Number(process.env.STAYPUT_TEST_REDIS_PID), name);

async function run() {
  let passed = 0, failed = 0, ignored = 0;
  const wanted = process.argv.slice(2);
  for (const { name, options, run } of tests) {
    if (wanted.length && !wanted.some(word => name.includes(word))) continue;
    if (options.needs === 'redis' && !redis) {
      console.log(`test ${name} ... ignored: redis-server is not installed`);
      ignored += 1;
      continue;
    }
    try {
      const late = new Promise((_, reject) => setTimeout(reject, options.patience || PATIENCE, Error('no end')).unref());
      const said = await Promise.race([run(), late]);
      console.log(`test ${name} ... ok${said ? ` (${said})` : ''}`);
      passed += 1;
    } catch (error) {
      console.log(`test ${name} ... FAILED\n${error.stack}`);
      failed += 1;
    }
  }
  console.log(`\ntest result: ${failed ? 'FAILED' : 'ok'}. ${passed} passed; ${failed} failed; ${ignored} ignored`);
  process.exit(failed || !passed ? 1 : 0);
}

module.exports = { execFileSync, fresh, redis, role, run, server, signal, test, until, wait };
