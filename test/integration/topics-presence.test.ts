/** Who is on a topic: each join and each leave is told once, to everybody who watches, at every worker. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, never } from '../support/eventually.js';
import type { RawTopicClient } from '../support/topics/raw-topic-client.js';
import { ENGINES, type SpreadClient, startTopicStage, type TopicStage } from '../support/topics/topic-stage.js';

const RESUME_WINDOW_MS = 3000;
/** Lease of a dead worker, and the sweep after it. */
const DEATH_TOLD_WITHIN_MS = 8000;

describe.each(ENGINES)('presence with %s state', (engine) => {
  let stage: TopicStage;
  let watchers: readonly SpreadClient[];

  beforeAll(async () => {
    stage = await startTopicStage({ engine, pool: { resumeWindow: `${RESUME_WINDOW_MS}ms` } });
    watchers = await stage.spread();
  });

  afterAll(async () => stage?.[Symbol.asyncDispose]());

  /** All watchers are members themselves: a client watches what it is on. */
  async function watch(topic: string): Promise<void> {
    for (const { client } of watchers) await client.subscribe(topic, { presence: true });
    await eventually(async () => expect((await stage.app.backend.presence(topic)).total).toBe(watchers.length));
  }

  /** Those about somebody, at each watcher: `join`, `leave`, … */
  function told(topic: string, id: string): readonly string[][] {
    return watchers.map(({ client }) =>
      client.presenceEvents(topic).flatMap((event) => (event.endsWith(` ${id}`) ? [event.split(' ')[0]!] : [])),
    );
  }

  async function untilTold(topic: string, id: string, events: readonly string[], withinMs = 10_000): Promise<void> {
    await eventually(() => expect(told(topic, id)).toEqual(watchers.map(() => events)), { withinMs });
  }

  async function idsOn(client: RawTopicClient, topic: string): Promise<readonly string[]> {
    const { members } = (await client.presence(topic)) as { members?: readonly { id: string }[] };
    return (members ?? []).map(({ id }) => id).sort((a, b) => (a < b ? -1 : 1));
  }

  it('tells who joins and who leaves, with what is known of them', async () => {
    const topic = 'room:lobby';
    await watch(topic);
    const guest = await stage.open({ at: 1 });
    guest.say(`join ${topic} Ada`);
    await untilTold(topic, guest.id, ['join']);
    const [event] = watchers[0]!.client.controls('k', topic).slice(-1);
    expect(event).toMatchObject({ type: 'join', member: { id: guest.id, info: { name: 'Ada' } } });
    expect(await idsOn(watchers[0]!.client, topic)).toContain(guest.id);
    const { body } = await stage.balancers[0]!.admin(`/v1/topics/${encodeURIComponent(topic)}/presence`);
    const { members, total } = body as { members: readonly { id: string; info: unknown }[]; total: number };
    expect(total).toBe(watchers.length + 1);
    expect(members.find(({ id }) => id === guest.id)).toMatchObject({ info: { name: 'Ada' } });
    guest.say(`leave ${topic}`);
    await untilTold(topic, guest.id, ['join', 'leave']);
    expect(await idsOn(watchers[0]!.client, topic)).not.toContain(guest.id);
  });

  it('says how many there are to whoever comes', async () => {
    const topic = 'room:count';
    await watch(topic);
    const guest = await stage.open();
    expect(await guest.subscribe(topic, { presence: true })).toMatchObject({ members: expect.any(Number) });
    await untilTold(topic, guest.id, ['join']);
    const late = await stage.open({ at: 1 });
    const { members } = await late.subscribe(topic, { presence: true });
    expect(Number(members)).toBeGreaterThanOrEqual(watchers.length + 1);
  });

  it('says nothing of a connection that is lost and resumed, at whatever worker', async () => {
    const topic = 'room:resume';
    await watch(topic);
    let guest = await stage.open();
    const { epoch, offset } = (await guest.subscribe(topic)) as { epoch: string; offset: number };
    await untilTold(topic, guest.id, ['join']);
    const { id } = guest;
    const held = { topic, epoch, offset, presence: false, joined: false };
    for (let turn = 1; turn <= 4; turn += 1) {
      const token = guest.welcome?.token ?? '';
      guest.cut();
      guest = await stage.open({ at: turn, token, subscriptions: [held] });
      expect(guest.welcome?.resumed).toBe(true);
      await guest.until('its topic', () => guest.controls('s', topic)[0]);
    }
    // Longer than the window: whoever was taken for lost would have left by then.
    await never(RESUME_WINDOW_MS + 2000, () => expect(told(topic, id)).toEqual(watchers.map(() => ['join'])));
    expect(await idsOn(watchers[0]!.client, topic)).toContain(id);
  });

  it('tells once that somebody has not come back in time', async () => {
    const topic = 'room:gone';
    await watch(topic);
    const guest = await stage.open();
    await guest.subscribe(topic);
    await untilTold(topic, guest.id, ['join']);
    guest.cut();
    await untilTold(topic, guest.id, ['join', 'leave'], RESUME_WINDOW_MS + DEATH_TOLD_WITHIN_MS);
  });

  it('is not told to those who did not ask, and of topics without it to nobody', async () => {
    const deaf = await stage.open();
    await deaf.subscribe('room:deaf');
    await deaf.subscribe('plain-topic', { presence: true });
    const guest = await stage.open({ at: 1 });
    for (const topic of ['room:deaf', 'plain-topic']) await guest.subscribe(topic);
    for (const topic of ['room:deaf', 'plain-topic']) {
      await stage.app.backend.publish(topic, 'x');
      await deaf.untilMessages(topic, 1);
      expect(deaf.presenceEvents(topic)).toEqual([]);
    }
    expect(await idsOn(deaf, 'plain-topic')).toEqual([]);
  });
});

describe('presence when a worker dies', () => {
  // At once: what takes its time is a lease that has to run out.
  it.concurrent.each(ENGINES)(
    'tells each of its members once, and none of the others, with %s state',
    async (engine) => {
      await using stage = await startTopicStage({ engine });
      const topic = 'room:death';
      const [victim, ...watchers] = (await stage.spread()) as [SpreadClient, ...SpreadClient[]];
      for (const { client } of watchers) await client.subscribe(topic, { presence: true });
      await victim.client.subscribe(topic);
      const doomed = [victim.client.id];
      for (let i = 0; i < 30; i += 1) {
        const client = await stage.open({ at: stage.balancers.indexOf(victim.balancer) });
        await client.subscribe(topic);
        const { body } = await victim.balancer.admin(`/v1/sessions/${client.id}`);
        if ((body as { worker: number }).worker === victim.worker) doomed.push(client.id);
      }
      const joins = (): number =>
        watchers[0]!.client.presenceEvents(topic).filter((it) => it.startsWith('join')).length;
      await eventually(() => expect(joins()).toBeGreaterThanOrEqual(31));
      const { body } = await victim.balancer.admin('/v1/status');
      const { pid } = (body as { workers: readonly { id: number; pid: number }[] }).workers.find(
        ({ id }) => id === victim.worker,
      )!;
      process.kill(pid, 'SIGKILL');
      const diedAt = performance.now();
      const leaves = ({ client }: SpreadClient): readonly string[] =>
        client.presenceEvents(topic).flatMap((it) => (it.startsWith('leave ') ? [it.slice(6)] : []));
      const expected = [...doomed].sort();
      await eventually(
        () => {
          for (const watcher of watchers) expect([...leaves(watcher)].sort()).toEqual(expected);
        },
        { withinMs: 20_000 },
      );
      const tookMs = Math.round(performance.now() - diedAt);
      console.log(`presence of ${doomed.length} members of a killed worker, ${engine}: told after ${tookMs} ms`);
      await never(3000, () => {
        for (const watcher of watchers) expect(leaves(watcher)).toHaveLength(expected.length);
      });
      expect(tookMs).toBeLessThanOrEqual(DEATH_TOLD_WITHIN_MS);
    },
  );
});
