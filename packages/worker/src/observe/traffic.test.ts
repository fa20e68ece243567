import { describe, expect, it } from 'vitest';
import { Traffic } from './traffic.js';

const TEN_MINUTES = 600_000;

function withBackend(): Traffic {
  const traffic = new Traffic();
  traffic.of('chat', 'app', 'b1').messagesUp = 3;
  traffic.request('chat', 'b1', 200);
  traffic.request('chat', '', 503);
  return traffic;
}

const requestsOf = (traffic: Traffic): string[] =>
  [...traffic.requests.entries()].map(({ labels }) => labels['backend']!);

describe('counts of a backend that left its pool', () => {
  const nobody = (): boolean => false;

  it('are kept for ten minutes and then forgotten, in all metrics', () => {
    const traffic = withBackend();
    traffic.prune(nobody, 0);
    traffic.prune(nobody, TEN_MINUTES - 1);
    expect([traffic.counts.size, requestsOf(traffic)]).toEqual([1, ['b1', '']]);
    traffic.prune(nobody, TEN_MINUTES);
    expect([traffic.counts.size, requestsOf(traffic)]).toEqual([0, ['']]);
  });

  it.each(['open', 'httpInFlight'] as const)('are kept as long as something is %s', (what) => {
    const traffic = withBackend();
    const counts = traffic.of('chat', 'app', 'b1');
    counts[what] = 1;
    for (let now = 0; now < 10 * TEN_MINUTES; now += TEN_MINUTES) traffic.prune(nobody, now);
    expect(traffic.counts.size).toBe(1);
    counts[what] = 0;
    traffic.prune(nobody, 10 * TEN_MINUTES);
    expect(traffic.of('chat', 'app', 'b1').messagesUp).toBe(3);
  });

  it('go on where they were when it is back in time', () => {
    const traffic = withBackend();
    traffic.prune(nobody, 0);
    traffic.prune(() => true, 1);
    traffic.prune(nobody, TEN_MINUTES);
    expect(traffic.of('chat', 'app', 'b1').messagesUp).toBe(3);
  });

  it('leave those of the same backend in another pool of the route alone', () => {
    const traffic = withBackend();
    traffic.of('chat', 'other', 'b1');
    for (const now of [0, TEN_MINUTES]) traffic.prune((pool) => pool === 'other', now);
    expect([traffic.counts.size, requestsOf(traffic)]).toEqual([1, ['b1', '']]);
  });
});
