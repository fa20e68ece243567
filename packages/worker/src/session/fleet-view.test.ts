import type { LiveLease } from '@holdfast/state';
import { expect, it } from 'vitest';
import { farewellOf, FleetView } from './fleet-view.js';

it('adds up the workers of a balancer', () => {
  const view = new FleetView('a:1', 0);
  view.onLeases([worker('w1', { balancer: 'b:2' }), worker('w2', { balancer: 'a:1' }), worker('w3', {})], 100);
  expect(view.report(150)).toEqual({
    self: 'a:1',
    ageMs: 50,
    balancers: [
      { balancer: 'a:1', status: 'ready', version: '1.0.0', workers: 2, sessions: 4, connections: 6, seenMs: 50 },
      { balancer: 'b:2', status: 'ready', version: '1.0.0', workers: 1, sessions: 2, connections: 3, seenMs: 50 },
    ],
  });
  expect(view.balancerOf('w1')).toBe('b:2');
});

it('shows one whose leases ran out as lost, and forgets it in the end', () => {
  const view = new FleetView('a:1', 0);
  view.onLeases([worker('w1', {}), worker('w2', { balancer: 'b:2' })], 0);
  view.onLeases([worker('w1', {})], 2000);
  expect(view.report(3000).balancers[1]).toMatchObject({ balancer: 'b:2', status: 'lost', sessions: 2, seenMs: 3000 });
  expect(view.balancerOf('w2')).toBeUndefined();
  view.onLeases([worker('w1', {}), worker('w9', { balancer: 'b:2' })], 4000);
  expect(view.report(4000).balancers[1]).toMatchObject({ status: 'ready' });
  view.onLeases([worker('w1', {})], 604_000);
  expect(view.report(604_000).balancers).toHaveLength(1);
});

it('does not miss one that said that it drains, or farewell', () => {
  const view = new FleetView('a:1', 0);
  view.onLeases([worker('w1', {}), worker('w2', { balancer: 'b:2', isDraining: true })], 0);
  expect(view.report(0).balancers[1]).toMatchObject({ status: 'draining' });
  view.onLeases([worker('w1', {}), worker('w3', { balancer: 'c:3' })], 2000);
  expect(view.report(2000).balancers.map(({ balancer }) => balancer)).toEqual(['a:1', 'c:3']);
  view.onLeases([worker('w1', {}), farewellOf('c:3')], 4000);
  expect(view.report(4000).balancers.map(({ balancer }) => balancer)).toEqual(['a:1']);
});

it('is not misled by one worker that drains, because it is being replaced', () => {
  const view = new FleetView('a:1', 0);
  view.onLeases([worker('w1', { isDraining: true }), worker('w2', {})], 0);
  expect(view.report(0).balancers).toMatchObject([{ status: 'ready', workers: 2 }]);
});

it('keeps a balancer of which one worker alone said farewell', () => {
  const view = new FleetView('a:1', 0);
  view.onLeases([worker('w1', {}), worker('w2', {})], 0);
  view.onLeases([worker('w1', {}), farewellOf('a:1')], 2000);
  expect(view.report(2000).balancers).toMatchObject([{ balancer: 'a:1', status: 'ready', workers: 1 }]);
});

it('takes what it can of leases of other versions', () => {
  const view = new FleetView('a:1', 0);
  const odd = ['', 'null', '[]', '{}', '{"balancer":7}'].map((info, i) => ({
    id: `o${i}`,
    kind: 'worker' as const,
    info,
  }));
  view.onLeases([...odd, { id: 'w1', kind: 'worker', info: '{"balancer":"old:1","sessions":-1}' }], 0);
  expect(view.report(0).balancers).toEqual([
    { balancer: 'old:1', status: 'ready', version: null, workers: 1, sessions: 0, connections: 0, seenMs: 0 },
  ]);
});

it('bounds how many it remembers', () => {
  const view = new FleetView('a:1', 0);
  for (let i = 0; i < 3000; i += 1) view.onLeases([worker('w', { balancer: `b:${i}` })], i);
  expect(view.report(3000).balancers).toHaveLength(1024);
});

function worker(id: string, facts: object): LiveLease {
  const known = { balancer: 'a:1', sessions: 2, connections: 3, version: '1.0.0', isDraining: false };
  return { id, kind: 'worker', info: JSON.stringify({ ...known, ...facts }) };
}
