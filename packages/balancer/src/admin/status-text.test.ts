import { describe, expect, it } from 'vitest';
import { renderStatus } from './status-text.js';

const STATUS = {
  status: 'degraded',
  checks: {
    workers: { status: 'degraded', detail: 'worker 2: blocked, does not answer' },
    sharedState: { status: 'ok' },
  },
  version: '1.2.3',
  pid: 99,
  uptimeMs: 3_725_000,
  listen: [{ host: '0.0.0.0', port: 8080 }],
  config: { file: 'holdfast.yaml', version: 3, lastReload: { result: 'rejected' } },
  workers: [
    { id: 1, pid: 101, state: 'listening', forMs: 3_725_000, restarts: 0, connections: 12_000, eventLoopLagMs: 0.42 },
    { id: 2, pid: 102, state: 'listening', forMs: 8000, restarts: 3, connections: 7, isBlocked: true },
  ],
  backends: [
    {
      pool: 'chat',
      id: 'b1',
      state: 'ready',
      weight: 1,
      load: 9,
      health: { rttMs: { last: 23.4 } },
      why: 'health check: passes',
    },
    {
      pool: 'chat',
      id: 'b2',
      state: 'down',
      weight: 1,
      load: 0,
      health: {},
      why: 'health check: ECONN\u001b[31mREFUSED',
    },
  ],
};

describe('renderStatus', () => {
  it('aligns what belongs together', () => {
    expect(renderStatus(STATUS)).toBe(`holdfast 1.2.3: degraded, pid 99, up 1h 2m
listens on 0.0.0.0:8080; config holdfast.yaml, version 3, last reload rejected

! workers: worker 2: blocked, does not answer

WORKER  PID  STATE                  FOR  RESTARTS  CONNECTIONS  LOOP LAG
     1  101  listening            1h 2m         0        12000    0.4 ms
     2  102  listening (blocked)     8s         3            7         -

POOL  BACKEND  STATE  WEIGHT  LOAD    RTT  WHY
chat  b1       ready       1     9  23 ms  health check: passes
chat  b2       down        1     0      -  health check: ECONN?[31mREFUSED
`);
  });

  it('shows the fleet, which balancer it asked, and who is lost', () => {
    const row = {
      balancer: 'lb-1:7',
      status: 'ready',
      version: '1.2.3',
      workers: 2,
      sessions: 9,
      connections: 4,
      seenMs: 5,
    };
    const fleet = [
      { ...row, isSelf: true },
      { ...row, balancer: 'lb-2:7', status: 'lost', version: null, seenMs: 65_000 },
    ];
    const text = renderStatus({ ...STATUS, fleet, fleetAgeMs: 500 });
    expect(text).toContain(`BALANCER  STATUS  VERSION  WORKERS  SESSIONS  CONNECTIONS  LEASE
lb-1:7 *  ready   1.2.3          2         9            4  held
lb-2:7    lost    -              2         9            4  lost, seen 1m 5s ago
`);
    expect(text).not.toContain('as of');
    expect(renderStatus({ fleet, fleetAgeMs: 30_000 })).toContain('the fleet as of 30s ago');
    expect(renderStatus({ fleet: null })).not.toContain('BALANCER');
  });

  it('says how many topics are heard, and by how many', () => {
    const workers = [
      { id: 1, topics: { topics: 12, subscriptions: 340 } },
      { id: 2 },
      { id: 3, topics: { topics: 1, subscriptions: 5 } },
    ];
    expect(renderStatus({ workers })).toContain(
      '\ntopics: 12 at worker 1 (340 subscriptions), 1 at worker 3 (5 subscriptions)\n',
    );
    expect(renderStatus(STATUS)).not.toContain('topics');
  });

  it.each([[undefined], [null], [7], ['text'], [{}], [{ workers: [null], backends: {} }]])(
    'does not fall over %j',
    (status) => {
      expect(renderStatus(status)).toContain('holdfast -: -');
    },
  );
});
