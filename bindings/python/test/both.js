'use strict';
// Node's half of both.py: node both.js URL. Takes one command a line, and answers each with one line.

const readline = require('readline');
const { UserStorage } = require('../../node');
const { CAMPAIGN, launch } = require('../../node/test/sdk');

const storage = UserStorage.open(process.argv[2], { deadlineMs: 60_000 });
const commands = {
  activate: ({ users, weights }) => {
    const client = launch(storage, weights);
    return users.map(user => client.activate(CAMPAIGN, user));
  },
  track: ({ users, goal }) => {
    const client = launch(storage);
    return users.map(user => client.track(CAMPAIGN, user, goal)[CAMPAIGN]);
  },
  goals: ({ users }) => users.map(user => (storage.get(user, CAMPAIGN) || {}).goalIdentifier || null),
  fmeSet: ({ data }) => storage.fme().set(data),
  fmeGet: ({ feature, user }) => storage.fme().get(feature, user),
};

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { command, ...given } = JSON.parse(line);
    const answer = await commands[command](given);
    await storage.flush({ timeoutMs: 60_000 });
    process.stdout.write(`${JSON.stringify(answer === undefined ? null : answer)}\n`);
  }
  storage.close();
}

main();
