/** What most tests of sessions begin with: a stage on fake timers, a client that is welcomed, a network that settles. */
import type { ResumeOutcome } from '@holdfast/state';
import { afterEach, beforeEach, vi } from 'vitest';
import type { HeldSession, ScriptedBackend } from '../../trunk/testing/scripted-backend.js';
import type { FakeClient } from './fake-client.js';
import { Stage, type StageOptions } from './stage.js';

const stages: Stage[] = [];

/** To be called at the top of a test file. */
export function useScene(): void {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    for (const made of stages.splice(0)) made.close();
    vi.useRealTimers();
  });
}

export function stage(options?: StageOptions): Stage {
  const made = new Stage(options);
  stages.push(made);
  return made;
}

/** Lets everything that is under way arrive. */
export async function settle(ms = 20): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

export async function welcomed(here: Stage): Promise<FakeClient> {
  const client = here.connect();
  client.hello();
  await settle();
  if (client.welcome.resumed) throw new Error('scene: expected a new session');
  return client;
}

/** A client comes back with this token. */
export async function resuming(here: Stage, token: string, counters: Partial<Counters> = {}): Promise<FakeClient> {
  const client = here.connect();
  client.hello({ resume: { token, received: 0, lowest: 1, sent: 0, ...counters } });
  await settle();
  return client;
}

interface Counters {
  readonly received: number;
  readonly lowest: number;
  readonly sent: number;
}

/** The backend that has the client's session, and its stream there. */
export function holderOf(
  here: Stage,
  client: FakeClient,
): HeldSession & { readonly id: string; readonly backend: ScriptedBackend } {
  const { session } = client.welcome;
  for (const [id, backend] of here.backends) {
    const held = backend.held.get(session);
    if (held !== undefined && held.stream > 0) return { ...held, id, backend };
  }
  throw new Error(`scene: expected somebody to have session ${session}, nobody has`);
}

/** Another backend of the stage. */
export function otherThan(here: Stage, id: string): ScriptedBackend {
  for (const [other, backend] of here.backends) if (other !== id) return backend;
  throw new Error('scene: expected another backend');
}

/** Another worker claims a session that began here. */
export function claimElsewhere(here: Stage, sessionId: string): ResumeOutcome {
  const hint = { generation: 1 };
  return here.store.sessions.resume({ sessionId, principal: '', workerId: 'another', ttlMs: 60_000, hint });
}

/** The next such call of the stage to shared state is made, and its answer comes when the test says so. */
export function holdAnswer(here: Stage, method: 'resume' | 'rebind'): () => void {
  const sessions = here.state.sessions as unknown as Record<typeof method, (request: object) => Promise<unknown>>;
  const ask = sessions[method].bind(sessions);
  let letGo: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  vi.spyOn(sessions, method).mockImplementationOnce(async (request) => {
    const outcome = await ask(request);
    await held;
    return outcome;
  });
  return letGo;
}
