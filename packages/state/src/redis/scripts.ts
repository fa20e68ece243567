/**
 * The Lua scripts, each one atomic step on the keys of one hash tag. They are strings here rather than .lua files, so
 * that the compiled package is complete without a copying step. ioredis sends them by EVALSHA, and by EVAL to a server that
 * does not know them: after a restart, a flush, or on another node of a Cluster.
 */
import type { Cluster, Redis } from 'ioredis';
import { CLAIM_LUA, REPLACE_LUA } from './affinity-scripts.js';
import { RENEW_LUA } from './lease-scripts.js';
import { JOIN_LUA, LEAVE_LUA, LINGER_LUA, LIST_LUA, SWEEP_LUA } from './presence-scripts.js';
import { COMMIT_LUA, CREATE_LUA, PARK_LUA, REBIND_LUA, REMOVE_LUA, RESUME_LUA } from './session-scripts.js';
import { POSITIONS_LUA, PUBLISH_LUA, READ_LUA } from './topic-scripts.js';

/** In the form that ioredis wants for its `scripts` option. Without a number of keys, each call begins with it. */
export const SCRIPTS: Readonly<Record<ScriptName, { lua: string; numberOfKeys?: number }>> = {
  affinityClaim: { lua: CLAIM_LUA, numberOfKeys: 1 },
  affinityReplace: { lua: REPLACE_LUA, numberOfKeys: 1 },
  sessionCreate: { lua: CREATE_LUA, numberOfKeys: 2 },
  sessionResume: { lua: RESUME_LUA, numberOfKeys: 2 },
  sessionRebind: { lua: REBIND_LUA, numberOfKeys: 2 },
  sessionPark: { lua: PARK_LUA, numberOfKeys: 2 },
  sessionCommit: { lua: COMMIT_LUA, numberOfKeys: 2 },
  sessionRemove: { lua: REMOVE_LUA, numberOfKeys: 2 },
  leaseRenew: { lua: RENEW_LUA, numberOfKeys: 1 },
  topicPublish: { lua: PUBLISH_LUA },
  topicRead: { lua: READ_LUA, numberOfKeys: 2 },
  topicPositions: { lua: POSITIONS_LUA },
  presenceJoin: { lua: JOIN_LUA, numberOfKeys: 3 },
  presenceLeave: { lua: LEAVE_LUA, numberOfKeys: 3 },
  presenceLinger: { lua: LINGER_LUA, numberOfKeys: 3 },
  presenceSweep: { lua: SWEEP_LUA, numberOfKeys: 3 },
  presenceList: { lua: LIST_LUA, numberOfKeys: 3 },
};

/** ioredis makes two commands of each script; the second answers buffers. */
type ScriptName = Exclude<keyof ScriptCommands, `${string}Buffer`> | 'topicRead';

type Argument = string | number | Uint8Array;
/** Record and tail, then what the script documents as ARGV. */
type SessionScript = (record: string, tail: string, ...args: readonly Argument[]) => Promise<unknown>;

/** As many keys as it says, then what the script documents as ARGV. */
type KeyedScript = (numberOfKeys: number, ...args: readonly Argument[]) => Promise<unknown>;
/** Members, lingering and owners, then what the script documents as ARGV. */
type PresenceScript = (
  members: string,
  lingering: string,
  owners: string,
  ...args: readonly Argument[]
) => Promise<unknown>;

/** What ioredis makes of SCRIPTS. Replies are `unknown`: they are checked before anybody believes them. */
export interface ScriptCommands {
  affinityClaim(key: string, backendId: string, ttlMs: number): Promise<unknown>;
  affinityReplace(key: string, expected: string, backendId: string, ttlMs: number): Promise<unknown>;
  readonly sessionCreate: SessionScript;
  readonly sessionResume: SessionScript;
  readonly sessionRebind: SessionScript;
  readonly sessionPark: SessionScript;
  readonly sessionCommit: SessionScript;
  readonly sessionRemove: SessionScript;
  leaseRenew(key: string, id: string, kindAndInfo: string, ttlMs: number, maxLeases: number): Promise<unknown>;
  readonly topicPublish: KeyedScript;
  topicReadBuffer(meta: string, log: string, ...args: readonly Argument[]): Promise<unknown>;
  readonly topicPositions: KeyedScript;
  readonly presenceJoin: PresenceScript;
  readonly presenceLeave: PresenceScript;
  readonly presenceLinger: PresenceScript;
  readonly presenceSweep: PresenceScript;
  readonly presenceList: PresenceScript;
}

export type RedisConnection = (Redis | Cluster) & ScriptCommands;
