/**
 * May this client do that? Claims first, then its backend, which is asked once about all that is wanted together. Questions
 * about the same thing share one answer, so that what a client publishes to one topic while it waits stays in order.
 */
import { type Authorized, ProtocolError, readAuthorized, type TopicAsk } from '@holdfast/protocol';
import { type Grant, Grants } from './grants.js';
import { topicsOf } from './session-topics.js';
import type { TopicSession } from './session-topics.js';

/** unavailable: nobody could be asked. */
export type Permission = Grant | 'forbidden' | 'unavailable';

export class Authorization {
  /** Asked and not answered, per session. Bounded by what its backend takes at once (MAX_OPEN_REQUESTS per trunk). */
  readonly #asking = new WeakMap<TopicSession, Map<string, Promise<Permission>>>();

  /** At once where it is known. */
  find(session: TopicSession, ask: TopicAsk): Grant | undefined {
    return grantsOf(session).find(ask);
  }

  /** In the order of `asks`. Never rejected. */
  async ask(session: TopicSession, asks: readonly TopicAsk[]): Promise<readonly Permission[]> {
    const asking = this.#asking.get(session) ?? new Map<string, Promise<Permission>>();
    this.#asking.set(session, asking);
    const news = asks.filter((ask) => this.find(session, ask) === undefined && !asking.has(keyOf(ask)));
    if (news.length > 0) {
      const answers = askBackend(session, news);
      for (const [i, ask] of news.entries()) {
        const answer = answers.then((all) => all[i] ?? 'unavailable');
        asking.set(keyOf(ask), answer);
        void answer.then(() => asking.delete(keyOf(ask)));
      }
    }
    return Promise.all(
      asks.map((ask) => this.find(session, ask) ?? asking.get(keyOf(ask)) ?? ('unavailable' satisfies Permission)),
    );
  }
}

async function askBackend(session: TopicSession, asks: readonly TopicAsk[]): Promise<readonly Permission[]> {
  const { principal, claims } = session.identity;
  const answer = await session.askBackend({ op: 'authorize', session: session.id, principal, claims, asks });
  const authorized = answer.ok ? readAnswer(answer.body, asks.length) : undefined;
  if (authorized === undefined) return asks.map(() => 'unavailable');
  return asks.map((ask, i) => {
    if (authorized.allowed[i] !== true) return 'forbidden';
    const grant = { info: authorized.info[i] };
    grantsOf(session).remember(ask, grant);
    return grant;
  });
}

function readAnswer(body: Readonly<Record<string, unknown>>, asked: number): Authorized | undefined {
  try {
    return readAuthorized(body, asked);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

function grantsOf(session: TopicSession): Grants {
  const topics = topicsOf(session);
  return (topics.grants ??= new Grants(session.identity.claims));
}

function keyOf({ topic, action }: TopicAsk): string {
  return `${action} ${topic}`;
}
