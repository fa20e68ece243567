/** Opens a session's stream for a client that has come back, and lets it in. */
import type { TailEntry } from '@holdfast/protocol';
import type { Link } from '../trunk/link.js';
import { refusalOf, type Refusal } from './open-result.js';
import { type OpenHow, openBody } from './opening.js';
import type { Session } from './session.js';
import type { SessionParts } from './session-parts.js';

/** undefined: it was opened. */
// oxlint-disable-next-line max-params
export async function openAndWelcome(
  { greeter, stats, onSettled }: SessionParts,
  session: Session,
  link: Link,
  how: OpenHow,
  tail: readonly TailEntry[] = [],
): Promise<Refusal | undefined> {
  const result = await session.backendSide.open(session, {
    trunk: link.provenTrunk,
    body: openBody(session, how),
    tail,
    onOpened: (opened) => {
      if (session.isOver) return;
      session.isResumed = true;
      session.welcome(greeter.welcome(session, opened, { resumed: true }));
      stats.entered(session.pool.name, how.cause === 'resume' ? 'resumed' : 'restored');
      onSettled(session);
    },
  });
  return refusalOf(result);
}
