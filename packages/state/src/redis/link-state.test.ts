import { describe, expect, it } from 'vitest';
import {
  healthOf,
  INITIAL_LINK_STATE,
  needsWriteProbe,
  nextLinkState,
  type LinkEvent,
  type LinkState,
} from './link-state.js';

const lost: LinkState = { name: 'lost', reason: 'refused' };
const verifying: LinkState = { name: 'verifying' };
const ready: LinkState = { name: 'ready' };
const silent: LinkState = { name: 'silent', waitedMs: 100 };
const refusing: LinkState = { name: 'refusing', reply: 'READONLY' };
const closed: LinkState = { name: 'closed' };

const wrote: LinkEvent = { type: 'answered', isWrite: true };
const pinged: LinkEvent = { type: 'answered', isWrite: false };
const timedOut: LinkEvent = { type: 'timedOut', waitedMs: 100 };
const refused: LinkEvent = { type: 'refused', reply: 'READONLY' };

describe('nextLinkState', () => {
  it.each<[string, LinkState, LinkEvent, LinkState]>([
    ['a connection is not trusted before its first answer', lost, { type: 'connected' }, verifying],
    ['a written probe makes it ready', verifying, wrote, ready],
    ['a ping does not prove a new connection', verifying, pinged, verifying],
    ['a ping does not refute a refusal', refusing, pinged, refusing],
    ['a written probe refutes a refusal', refusing, wrote, ready],
    ['any answer ends a silence', silent, pinged, ready],
    ['an unanswered command is silence', ready, timedOut, silent],
    ['a refused command is a refusal', ready, refused, refusing],
    ['a late time-out says nothing about a lost link', lost, timedOut, lost],
    ['a late refusal says nothing about a lost link', lost, refused, lost],
    ['a late answer says nothing about a lost link', lost, wrote, lost],
    ['the reason of a failure outlives the close that follows', lost, { type: 'lost' }, lost],
    ['an error breaks a ready link', ready, { type: 'failed', reason: 'reset' }, { name: 'lost', reason: 'reset' }],
    ['nothing opens a closed link', closed, { type: 'connected' }, closed],
    ['closing works from everywhere', silent, { type: 'closed' }, closed],
  ])('%s', (_, state, event, expected) => {
    expect(nextLinkState(state, event)).toEqual(expected);
  });

  it.each([silent, refusing])('remembers why the connection was given up: $name', (state) => {
    const detail = healthOf(nextLinkState(state, { type: 'lost' }), 'Redis').detail;
    expect(detail).toMatch(/given up .*(100 ms|READONLY)/);
  });
});

describe('healthOf', () => {
  it.each([INITIAL_LINK_STATE, lost, verifying, silent, refusing, closed])(
    'is degraded with a detail when $name',
    (state) => {
      expect(healthOf(state, 'Redis at h:1')).toEqual({
        status: 'degraded',
        detail: expect.stringMatching(/^Redis at h:1: \w+/),
      });
    },
  );

  it('is ok only when ready', () => {
    expect(healthOf(ready, 'Redis')).toEqual({ status: 'ok', detail: undefined });
  });
});

it('asks for a written proof everywhere but in ready', () => {
  expect([verifying, silent, refusing, ready].map(needsWriteProbe)).toEqual([true, true, true, false]);
});
