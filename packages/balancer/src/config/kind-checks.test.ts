import { describe, expect, it } from 'vitest';
import { mistakesIn } from './testing/files.js';

interface Parts {
  readonly secret?: string;
  readonly route?: string;
  /** What stands in the map of the session pool `s` behind its kind and backends. */
  readonly session?: string;
  /** The same of the relay pool `r`. */
  readonly relay?: string;
}

/** The route is on line 3, the pools on lines 5 and 6. */
function file({ secret = '0123456789abcdef', route = 'pool: s', session = '', relay = '' }: Parts): string {
  return `listen: [ { address: 80 } ]
secret: ${secret}
routes: [ { ${route} } ]
pools:
  s: { ${session} kind: session, backends: [ http://a ] }
  r: { ${relay} backends: [ http://a ] }
`;
}

const DURATION = 'a duration with its unit (250ms, 30s, 5m, 1h, 1d)';
const ONLY_SESSION = 'expected `kind: session` beside it, since only session pools have this setting, got a relay pool';
const TOO_LARGE = 'expected a size up to 16MiB, the largest message of a session pool';
const NEEDS_SECRET =
  '1:1: secret: expected a secret that the backends of session pool "s" know too: it signs trunks and resume tokens, got nothing';

const CASES: readonly (readonly [name: string, parts: Parts, mistakes: readonly string[]])[] = [
  [
    'onBackendLoss on a relay pool',
    { relay: 'onBackendLoss: close,' },
    [`6:8: pools.r.onBackendLoss: ${ONLY_SESSION}`],
  ],
  ['resumeWindow on a relay pool', { relay: 'resumeWindow: 1m,' }, [`6:8: pools.r.resumeWindow: ${ONLY_SESSION}`]],
  ['heartbeat on a relay pool', { relay: 'heartbeat: 15s,' }, [`6:8: pools.r.heartbeat: ${ONLY_SESSION}`]],
  ['trunkPath on a relay pool', { relay: 'trunkPath: /t,' }, [`6:8: pools.r.trunkPath: ${ONLY_SESSION}`]],
  [
    'maxHandoffs on a pool that says it is a relay',
    { relay: 'kind: relay, maxHandoffs: 1,' },
    [`6:21: pools.r.maxHandoffs: ${ONLY_SESSION}`],
  ],
  [
    'stickiness of sessions',
    { session: 'sticky: engine.io,' },
    ['5:8: pools.s.sticky: expected no sticky on a session pool (a session stays with its backend anyway), got one'],
  ],
  [
    'timeouts that sessions do not have',
    { session: 'timeouts: { connect: 1s, handshake: 1s, idle: 1m, response: 1s },' },
    [
      '5:33: pools.s.timeouts.handshake: expected no timeouts.handshake on a session pool (no client waits for a handshake of a backend), got one',
      '5:48: pools.s.timeouts.idle: expected no timeouts.idle on a session pool (its clients have `limits.idle` of their route, its trunks a heartbeat of their own), got one',
      '5:58: pools.s.timeouts.response: expected no timeouts.response on a session pool (it takes no HTTP requests), got one',
    ],
  ],
  [
    'what to do about a lost backend',
    { session: 'onBackendLoss: rehoem,' },
    ['5:23: pools.s.onBackendLoss: expected one of rehome, close, got "rehoem" (did you mean "rehome"?)'],
  ],
  [
    'a resume window that is too long',
    { session: 'resumeWindow: 2d,' },
    [`5:22: pools.s.resumeWindow: expected ${DURATION} from 1s to 1d, got "2d"`],
  ],
  [
    'a resume window of nothing',
    { session: 'resumeWindow: 0,' },
    [`5:22: pools.s.resumeWindow: expected ${DURATION} from 1s to 1d, got 0`],
  ],
  [
    'a hectic heartbeat',
    { session: 'heartbeat: 999ms,' },
    [`5:19: pools.s.heartbeat: expected ${DURATION} from 1s to 5m, got "999ms"`],
  ],
  [
    'a lazy heartbeat',
    { session: 'heartbeat: 301s,' },
    [`5:19: pools.s.heartbeat: expected ${DURATION} from 1s to 5m, got "301s"`],
  ],
  [
    'a trunk path',
    { session: 'trunkPath: trunk,' },
    ['5:19: pools.s.trunkPath: expected a path that starts with /, got "trunk"'],
  ],
  [
    'no handoffs',
    { session: 'maxHandoffs: 0,' },
    ['5:21: pools.s.maxHandoffs: expected a whole number from 1 to 10000, got 0'],
  ],
  [
    'messages that no trunk takes',
    { route: 'pool: s, limits: { messageBytes: 17MiB }' },
    [`3:46: routes[0].limits.messageBytes: ${TOO_LARGE}, got "17MiB"`],
  ],
  [
    'the same in bytes',
    { route: 'pool: s, limits: { messageBytes: 16777217 }' },
    [`3:46: routes[0].limits.messageBytes: ${TOO_LARGE}, got 16777217`],
  ],
  [
    'a header that no backend of sessions would get',
    { route: 'pool: s, auth: { principalHeader: x-user, jwt: { secret: 0123456789abcdef } }' },
    [
      '3:30: routes[0].auth.principalHeader: expected a relay pool behind it: the backends of a session pool get the principal with each session, got session pool "s"',
    ],
  ],
  [
    'stickiness beside a mistake of another kind',
    { session: 'sticky: engine.io, retries: x,' },
    [
      '5:8: pools.s.sticky: expected no sticky on a session pool (a session stays with its backend anyway), got one',
      '5:36: pools.s.retries: expected a whole number from 0 to 10, got "x"',
    ],
  ],
];

describe('kinds of pools', () => {
  it.each(CASES)('tells %s', async (_, parts, mistakes) => {
    expect(await mistakesIn(file(parts))).toEqual(mistakes);
  });

  it.each([
    ['the largest messages that a trunk takes', { route: 'pool: s, limits: { messageBytes: 16MiB }' }],
    ['larger ones on a relay pool', { route: 'pool: r, limits: { messageBytes: 17MiB }' }],
    ['connect timeouts of trunks', { session: 'timeouts: { connect: 1s },' }],
    [
      'every setting of relay pools',
      { relay: 'sticky: engine.io, timeouts: { handshake: 1s, idle: 1m, response: 1s },' },
    ],
  ])('takes %s', async (_, parts) => {
    expect(await mistakesIn(file(parts))).toEqual([]);
  });

  it('wants a secret that the backends can know', async () => {
    expect(await mistakesIn(file({}).replace(/secret.*\n/, ''))).toEqual([NEEDS_SECRET]);
    expect(
      await mistakesIn(
        file({})
          .replace(/secret.*\n/, '')
          .replace('kind: session, ', ''),
      ),
    ).toEqual([]);
  });

  it('tells an empty secret once', async () => {
    expect(await mistakesIn(file({ secret: '""' }))).toEqual([
      '2:9: secret: expected a secret of at least 16 characters, got a text of 0 characters',
    ]);
  });
});
