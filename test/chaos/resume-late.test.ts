/** A session waits for its client almost as long as its window allows: with the default window, in real time. */
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { startHoldfast } from '../support/holdfast.js';
import { startRedis } from '../support/redis.js';
import { RawSession } from '../support/sessions/raw-session.js';
import { SessionFleet } from '../support/sessions/session-fleet.js';
import { sessionsOf } from './arena.js';

const AWAY_MS = 110_000;

describe.concurrent('after 110 s of 120', () => {
  it.each(['embedded', 'redis'] as const)('a session of %s state resumes', { timeout: 200_000 }, async (engine) => {
    await using redis = await startRedis();
    await using fleet = await SessionFleet.start(2);
    const state = engine === 'embedded' ? 'embedded' : redis.url;
    await using holdfast = await startHoldfast(sessionsOf(fleet.urls, { state }));
    await using first = await RawSession.open(holdfast.wsUrl('/'));
    first.send('c 1');
    await first.untilMessages(1);
    first.cut();
    // The time itself is what this is about.
    await delay(AWAY_MS);
    await using second = await RawSession.open(holdfast.wsUrl('/'), { resume: first.resumption });
    expect(second.welcome).toMatchObject({ resumed: true, session: first.welcome!.session, received: 1 });
    second.send('c 2');
    expect((await second.untilMessages(1))[0]).toMatchObject({ n: 2, data: 'e 2' });
  });
});
