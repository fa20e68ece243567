import { encodeWithTail, TRUNK_STREAM, TrunkKind } from '@holdfast/protocol';
import { describe, expect, it } from 'vitest';
import type { ScriptedTrunk } from '../trunk/testing/scripted-backend.js';
import { holderOf, otherThan, settle, stage, useScene, welcomed } from './testing/scene.js';

useScene();

const PARK = { op: 'park', handled: 0, received: 0, lastDown: 0, ackedDown: 0, complete: false, windowMs: 60_000 };

function ask(trunk: ScriptedTrunk, body: object): void {
  trunk.send(TRUNK_STREAM, TrunkKind.Request, encodeWithTail(body, []));
}

function answers(trunk: ScriptedTrunk): readonly unknown[] {
  const results = trunk.textsOf(TrunkKind.Result).map((text) => JSON.parse(text) as { readonly ref: number });
  return results.sort((a, b) => a.ref - b.ref);
}

describe('a backend', () => {
  it('parks and commits through the worker', async () => {
    const here = stage();
    const client = await welcomed(here);
    const { session } = client.welcome;
    const { trunk } = holderOf(here, client);
    ask(trunk, { ref: 1, ...PARK, session, generation: 1 });
    const commit = { ref: 2, op: 'commit', session, generation: 1, handled: 3, state: 'S' };
    trunk.sendJson(TRUNK_STREAM, TrunkKind.Request, commit);
    await settle();
    expect(answers(trunk)).toEqual([
      { ref: 1, ok: true, outcome: 'parked' },
      { ref: 2, ok: true, outcome: 'committed' },
    ]);
    expect(here.store.sessions.lookup(session)).toMatchObject({ checkpoint: { handled: 3, state: 'S' } });
  });

  it('is fenced from a session that another one has here, without asking the state', async () => {
    const here = stage();
    const client = await welcomed(here);
    const { trunk } = otherThan(here, holderOf(here, client).id);
    ask(trunk, { ref: 1, ...PARK, session: client.welcome.session, generation: 1 });
    await settle();
    expect(answers(trunk)).toEqual([{ ref: 1, ok: true, outcome: 'fenced' }]);
    expect(here.stateCalls).not.toContain('session.park');
  });

  it('is told to try again while the state is down', async () => {
    const here = stage();
    const client = await welcomed(here);
    const { trunk } = holderOf(here, client);
    here.isStateDown = (method) => method === 'session.park';
    ask(trunk, { ref: 1, ...PARK, session: client.welcome.session, generation: 1 });
    await settle();
    expect(answers(trunk)).toEqual([{ ref: 1, ok: false, error: 'STATE_UNAVAILABLE', retryable: true }]);
  });

  it('that asks for what only workers ask for is refused', async () => {
    const here = stage();
    await settle();
    const { trunk } = here.backend('b1');
    const body = { ref: 1, op: 'authenticate', path: '/', query: '', headers: {}, address: '' };
    trunk.sendJson(TRUNK_STREAM, TrunkKind.Request, body);
    await settle();
    expect(answers(trunk)).toMatchObject([{ ref: 1, ok: false, retryable: false }]);
  });

  it('cannot park for longer than the operator allows', async () => {
    const here = stage({ session: { resumeWindowMs: 1000 } });
    const client = await welcomed(here);
    const { session } = client.welcome;
    const { trunk } = holderOf(here, client);
    ask(trunk, { ref: 1, ...PARK, session, generation: 1, windowMs: 3_600_000 });
    await settle();
    expect(here.store.sessions.lookup(session)).toBeDefined();
    await settle(1500);
    expect(here.store.sessions.lookup(session)).toBeUndefined();
  });
});
