/** What an SDK stores and reads: who was assigned which variation, and the goals so far, joined by `_vwo_`. */
export interface UserRecord {
  userId: string;
  campaignKey: string;
  variationName: string;
  goalIdentifier?: string;
  metaData?: unknown;
  [field: string]: unknown;
}

export interface Options {
  /** Account and environment; those that share a database and differ here never meet. `"default"` by default. */
  scope?: string;
  /** How long a `get` may wait for a user whom this process has not seen; 20. */
  deadlineMs?: number;
  /** How long opening may wait for the first connection; 1,000. */
  connectMs?: number;
  /** What was seen is kept in this process: 256 MiB, room for more than 100,000 users; nothing over `file:`. */
  nearCache?: boolean | { bytes: number };
  /**
   * A folder of this machine that keeps what the store does not answer, so that it survives the process: the next one that
   * opens it delivers. Processes and threads may share it if they use one store. Not on Windows.
   */
  spool?: string;
  /**
   * What the SDK does if nobody could tell in time what is held: `"bucket"` lets it decide, `"off"` makes it answer
   * null, so that nobody is shown something else than before.
   */
  onMiss?: 'bucket' | 'off';
  /** Is told of errors that nobody else hears of; each kind at most once a second. */
  onError?: (error: StayputError) => void;
}

export interface Claimed {
  outcome: 'created' | 'joined' | 'replaced' | 'kept' | 'unchanged' | 'spooled';
  /** The goals that count for this claim. */
  newGoals: string[];
  held: UserRecord | null;
}

export interface Stats {
  hits: number;
  asked: number;
  stale: number;
  undelivered: number;
  unknown: number;
  invalid: number;
  sets: number;
  stored: number;
  kept: number;
  replaced: number;
  spooled: number;
  lost: number;
  retried: number;
  waiting: number;
  waitingBytes: number;
  spoolWaiting: number;
  errors: number;
  breakerOpened: number;
  breakerOpen: boolean;
  users: number;
  bytes: number;
  evictions: number;
  invalidations: number;
}

export class StayputError extends Error {
  /** `invalid`: repeating cannot help. `timeout`, `unavailable`: it may. */
  readonly kind: 'corrupt' | 'invalid' | 'refused' | 'timeout' | 'unavailable';
}

/** What an SDK of FME sets, and gets back whole. */
export interface FmeRecord {
  featureKey: string;
  userId: string;
  featureId?: number;
  rolloutId?: number;
  rolloutKey?: string;
  rolloutVariationId?: number;
  experimentId?: number;
  experimentKey?: string;
  experimentVariationId?: number;
  isInHoldoutId?: number[];
  notInHoldoutId?: number[];
  [field: string]: unknown;
}

/** A storage connector of FME. */
export interface FmeConnector {
  /** What is held; undefined if nothing is. Rejects if nobody could tell in time: the SDK then decides anew. */
  get(featureKey: string, userId: string): Promise<FmeRecord | undefined>;
  /** Keeps a record: shown at once, delivered in the background. Never rejects. */
  set(data: FmeRecord): Promise<void>;
}

/** A User Storage Service: `vwoSDK.launch({ settingsFile, userStorageService: UserStorage.open(url) })`. */
export class UserStorage {
  private constructor();
  /** Opens the store at `url`. Throws only if the URL or an option is wrong; a store that is away is awaited. */
  static open(url: string, options?: Options): UserStorage;
  /** What is held, as a fresh object. Waits at most `deadlineMs`, and only for a user not seen before. */
  get(userId: string, campaignKey: string): UserRecord | undefined;
  /** Keeps a record: shown at once, delivered in the background, tried again until the store has it. Never throws. */
  set(record: UserRecord): void;
  /** The same, and tells what came of it. Rejects if the store does not answer; the record is delivered all the same. */
  claim(record: UserRecord): Promise<Claimed>;
  /** Reads what is held for a user, so that `get` need not wait. */
  prefetch(userId: string, campaignKeys?: string[]): Promise<void>;
  /** The same storage for VWO's FME SDK: `init({ storage: storage.fme() })`. */
  fme(): FmeConnector;
  /** Resolves once all that was set so far is delivered or spooled; rejects after `timeoutMs`, 5,000 by default. */
  flush(options?: { timeoutMs?: number }): Promise<void>;
  /** Ends connections and threads; what was not flushed is lost. */
  close(): void;
  stats(): Stats;
  /** The same, as text for Prometheus. */
  metrics(): string;
}
