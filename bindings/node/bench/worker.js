'use strict';
// What synckit asks in its worker: one GET.

const { runAsWorker } = require('synckit');
const Redis = require('ioredis');

const redis = new Redis(process.env.STAYPUT_TEST_REDIS);
runAsWorker(async key => JSON.parse(await redis.get(key)));
