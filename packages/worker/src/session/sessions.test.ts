import { TrunkKind } from '@holdfast/protocol';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { FakeClient } from './testing/fake-client.js';
import { Stage, type StageOptions } from './testing/stage.js';

const stages: Stage[] = [];

function stage(options?: StageOptions): Stage {
  const made = new Stage(options);
  stages.push(made);
  return made;
}

/** Lets everything that is under way arrive. */
function settle(ms = 20): Promise<unknown> {
  return vi.advanceTimersByTimeAsync(ms);
}

async function welcomed(it: Stage): Promise<FakeClient> {
  const client = it.connect();
  client.hello();
  await settle();
  expect(client.welcome.resumed).toBe(false);
  return client;
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  for (const made of stages.splice(0)) made.close();
  vi.useRealTimers();
});

describe('a session', () => {
  it('begins: record, open, welcome', async () => {
    const here = stage();
    const client = await welcomed(here);
    const { session, generation, token } = client.welcome;
    expect(session).toMatch(/^[\w-]{22}$/);
    expect(generation).toBe(1);
    expect(token.startsWith('1.')).toBe(true);
    const holder = here.backend(here.holderOf(session)!);
    expect(holder.opens[0]?.open).toMatchObject({
      session,
      cause: 'connect',
      path: '/chat',
      plain: false,
      generation: 1,
    });
    expect(here.store.sessions.lookup(session)).toMatchObject({ generation: 1, pool: 'chat' });
  });

  it('talks both ways, unread', async () => {
    const here = stage();
    const client = await welcomed(here);
    const { trunk, stream } = here.backend(here.holderOf(client.welcome.session)!).opens[0]!;
    client.say('m1.0:hello');
    client.sayBinary(new Uint8Array([1, 2, 0, 9]));
    client.say('a3');
    await settle();
    expect(trunk.textsOf(TrunkKind.Text)).toEqual(['m1.0:hello', 'a3']);
    expect(trunk.frames.find(({ kind }) => kind === TrunkKind.Binary)?.payload).toEqual(new Uint8Array([1, 2, 0, 9]));
    trunk.sendText(stream, 'm1.1:there');
    await settle();
    expect(client.data).toEqual(['m1.1:there']);
  });

  it('is detached when its client is lost, and resumed by its token', async () => {
    const here = stage();
    const first = await welcomed(here);
    const { session, token } = first.welcome;
    const backend = here.backend(here.holderOf(session)!);
    first.vanish();
    await settle();
    expect(backend.trunk.endsOf(TrunkKind.Detach)).toHaveLength(1);
    expect(here.sessions.all.size).toBe(0);
    const second = here.connect();
    second.hello({ resume: { token, received: 4, lowest: 1, sent: 0 } });
    await settle();
    expect(second.welcome).toMatchObject({ session, resumed: true, generation: 2 });
    expect(backend.opens[1]?.open).toMatchObject({
      cause: 'resume',
      generation: 2,
      client: { received: 4, lowest: 1, sent: 0 },
    });
  });

  it('of a plain client passes bare messages', async () => {
    const here = stage();
    const client = here.connect({ isPlain: true });
    client.say('early');
    await settle();
    const { trunk, stream, open } = [...here.backends.values()].flatMap(({ opens }) => opens)[0]!;
    expect(open).toMatchObject({ plain: true, cause: 'connect' });
    client.say('mine');
    await settle();
    expect(trunk.textsOf(TrunkKind.Text)).toEqual(['early', 'mine']);
    trunk.sendText(stream, 'answer');
    await settle();
    expect(client.received).toEqual(['answer']);
    client.vanish();
    await settle();
    expect(trunk.endsOf(TrunkKind.Close)).toHaveLength(1);
  });
});
