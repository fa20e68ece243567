/** A new session: picks a backend, writes the record, opens it there, and welcomes the client. */
import type { LostRange } from '@holdfast/protocol';
import type { Backend } from '../pool/backend.js';
import { PATIENCE_MS } from './authenticate.js';
import { chooseLink } from './choose-link.js';
import { comeBackLater } from './come-back-later.js';
import { refusalOf } from './open-result.js';
import { NEW_CLIENT, openBody } from './opening.js';
import type { Session } from './session.js';
import type { SessionParts } from './session-parts.js';

/** @param lost when the client asked for another session, which nobody has any more. */
export async function connectSession(parts: SessionParts, session: Session, lost?: LostRange): Promise<void> {
  const { trunks, records, stats } = parts;
  const exclude = new Set<Backend>();
  session.id = parts.newSessionId();
  session.generation = 0;
  session.hasToken = false;
  // A fresh worker may have no trunk yet, which takes milliseconds.
  await trunks.waitFor(() => trunks.readyOf(session.pool)[0], PATIENCE_MS);
  for (let tries = 0; tries <= session.pool.config.retries; tries += 1) {
    const link = session.isOver ? undefined : chooseLink(trunks, session, exclude);
    if (link === undefined) break;
    exclude.add(link.backend);
    session.generation += 1;
    session.bind(link);
    await records.create(session);
    if (session.isOver) return;
    const refusal = refusalOf(
      await session.backendSide.open(session, {
        trunk: link.readyTrunk,
        body: openBody(session, { cause: 'connect', client: NEW_CLIENT }),
        tail: [],
        onOpened: (opened) => {
          session.welcome(session.isPlain ? '' : parts.greeter.welcome(session, opened, { resumed: false, lost }));
          stats.entered(session.pool.name, lost === undefined ? 'connected' : 'renewed');
          parts.onSettled(session);
        },
      }),
    );
    if (refusal === undefined || refusal.kind === 'left') return;
    if (refusal.kind === 'closed') {
      stats.entered(session.pool.name, 'failed');
      session.endByBackend(refusal.code, refusal.reason, true);
      return;
    }
    session.bind(undefined);
  }
  if (session.isOver) return;
  stats.entered(session.pool.name, 'unavailable');
  comeBackLater(session, { random: parts.random(), reason: 'no instance of the service is available' });
}
