'use strict';
// A User Storage Service for VWO's Node SDK: what takes time happens in native threads, and nothing here waits longer
// than `deadlineMs`.

const { Native } = require('./native').load();

const OPTIONS = ['scope', 'deadlineMs', 'connectMs', 'nearCache', 'spool', 'onMiss', 'onError'];
const isWellFormed = 'isWellFormed' in String.prototype
  ? text => text.isWellFormed()
  : text => !/\p{Surrogate}/u.test(text);
const isId = id => typeof id === 'string' && isWellFormed(id);

/** What went wrong; `kind` says what can be done about it. */
class StayputError extends Error {
  constructor(kind, message) {
    super(message);
    this.name = 'StayputError';
    this.kind = kind;
  }
}

/** Storages whose sets may still be on their way when the process has nothing left to do. */
const open = new Set();
process.on('beforeExit', () => {
  for (const storage of open) storage._ending();
});

class UserStorage {
  #native;
  #get;
  #throwsOnMiss;
  #ended = false;

  /** Opens the store at `url`. Throws only if the URL or an option is wrong. */
  static open(url, options = {}) {
    return new UserStorage(url, options);
  }

  constructor(url, options = {}) {
    if (typeof url !== 'string') throw new StayputError('invalid', 'a store is given as a URL such as redis://127.0.0.1');
    const { scope, nearCache, spool, onMiss = 'bucket', onError } = checked(options);
    const native = {
      scope,
      deadlineMs: millis('deadlineMs', options.deadlineMs),
      connectMs: millis('connectMs', options.connectMs),
      nearCacheBytes: bytes(nearCache),
      spool,
    };
    const listener = onError && ((kind, message) => report(onError, new StayputError(kind, message)));
    this.#throwsOnMiss = onMiss === 'off';
    try {
      this.#native = Native.open(url, native, listener);
    } catch (error) {
      throw new StayputError('invalid', error.message);
    }
    this.#get = this.#native.getter();
    open.add(this);
    // Bound, because some SDKs take the methods off the object.
    this.get = this.get.bind(this);
    this.set = this.set.bind(this);
  }

  /** The record of this user in this campaign, or nothing. Never a promise. */
  get(userId, campaignKey) {
    if (!isId(userId) || !isId(campaignKey)) return void this.#native.refuse();
    const told = this.#get(userId, campaignKey);
    if (told) return record(userId, campaignKey, told);
    if (told === null && this.#throwsOnMiss) {
      throw new StayputError('unavailable', 'nobody could tell in time what is held, and onMiss is "off"');
    }
    return undefined;
  }

  /** Keeps what the SDK decided. Returns at once, never throws. */
  set(record) {
    const text = json(record);
    if (text === undefined) this.#native.refuse();
    else this.#native.set(text);
  }

  /** The same, and tells what is held now and which goals are new. */
  async claim(record) {
    const text = json(record);
    if (text === undefined) throw new StayputError('invalid', 'a record must be an object of JSON values');
    const claimed = answer(await this.#native.claim(text));
    return { ...claimed, held: claimed.held && clean(claimed.held) };
  }

  /** Reads what is held for a user, so that `get` need not wait. */
  async prefetch(userId, campaignKeys = []) {
    if (![userId, ...campaignKeys].every(isId)) throw new StayputError('invalid', 'an id must be well-formed text');
    answer(await this.#native.prefetch(userId, [...campaignKeys]));
  }

  /** The same storage for VWO's FME SDK: `init({ storage: storage.fme() })`. */
  fme() {
    const native = this.#native;
    return {
      async get(featureKey, userId) {
        if (!isId(featureKey) || !isId(userId)) return void native.refuse();
        const held = answer(await native.fmeGet(featureKey, userId));
        return held === null ? undefined : clean(held);
      },
      async set(data) {
        const text = json(data);
        if (text === undefined) native.refuse();
        else native.fmeSet(text);
      },
    };
  }

  /** Resolves once all that was set so far is delivered or spooled; rejects after `timeoutMs`. */
  async flush({ timeoutMs = 5000 } = {}) {
    answer(await this.#native.flush(millis('timeoutMs', timeoutMs)));
  }

  /** Ends connections and threads. Flush first. */
  close() {
    open.delete(this);
    this.#native.close();
  }

  /** What it did so far, as numbers. */
  stats() {
    return JSON.parse(this.#native.stats());
  }

  /** The same for Prometheus. */
  metrics() {
    return this.#native.metrics();
  }

  /** The process has nothing left to do: what was set goes first, which keeps it alive, but only once. */
  _ending() {
    if (this.#ended || this.stats().waiting === 0) return;
    this.#ended = true;
    this.flush().then(() => (this.#ended = false), error => process.emitWarning(error.message, 'StayputWarning'));
  }
}

/** `told` is the variation, or that, NUL and goals, or NUL and the whole record. */
function record(userId, campaignKey, told) {
  const nul = told.indexOf('\0');
  if (nul < 0) return { userId, campaignKey, variationName: told };
  if (nul > 0) return { userId, campaignKey, variationName: told.slice(0, nul), goalIdentifier: told.slice(nul + 1) };
  return clean(JSON.parse(told.slice(1)));
}

/** Without own fields called `__proto__`, at any depth: whoever copies one field by field would get another prototype. */
function clean(value) {
  if (typeof value !== 'object' || value === null) return value;
  delete value.__proto__; // eslint-disable-line no-proto
  for (const key of Object.keys(value)) clean(value[key]);
  return value;
}

function json(record) {
  try {
    return JSON.stringify(record);
  } catch {
    return undefined; // it has cycles, or getters that throw
  }
}

function answer(text) {
  const { value, error } = JSON.parse(text);
  if (error) throw new StayputError(error.kind, error.message);
  return value;
}

function report(onError, error) {
  try {
    onError(error);
  } catch (thrown) {
    process.emitWarning(`onError threw: ${thrown && thrown.message}`, 'StayputWarning');
  }
}

function checked(options) {
  if (typeof options !== 'object' || options === null) throw new StayputError('invalid', 'options must be an object');
  const unknown = Object.keys(options).find(name => !OPTIONS.includes(name));
  if (unknown) throw new StayputError('invalid', `there is no option "${unknown}"; there are ${OPTIONS.join(', ')}`);
  const { scope, spool, onMiss, onError } = options;
  const wrong = (name, what) => new StayputError('invalid', `${name} must be ${what}`);
  if (scope !== undefined && !isId(scope)) throw wrong('scope', 'text of 1 to 128 bytes');
  if (spool !== undefined && (!isId(spool) || !spool)) throw wrong('spool', 'the path of a folder');
  if (onMiss !== undefined && onMiss !== 'bucket' && onMiss !== 'off') throw wrong('onMiss', '"bucket" or "off"');
  if (onError !== undefined && typeof onError !== 'function') throw wrong('onError', 'a function');
  return options;
}

function millis(name, value) {
  if (value === undefined) return undefined;
  if (typeof value === 'number' && value >= 0 && value <= 0x7fffffff) return value;
  throw new StayputError('invalid', `${name} must be a number of milliseconds`);
}

function bytes(nearCache) {
  if (nearCache === undefined || nearCache === true) return undefined;
  if (nearCache === false) return 0;
  const given = typeof nearCache === 'object' && nearCache !== null ? nearCache.bytes : undefined;
  if (typeof given === 'number' && given >= 0 && given <= Number.MAX_SAFE_INTEGER) return given;
  throw new StayputError('invalid', 'nearCache must be true, false or { bytes: number }');
}

module.exports = { UserStorage, StayputError };
