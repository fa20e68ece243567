/** Which backend gets a session: the pool's strategy among those whose trunk takes sessions and that have room. */
import type { Backend } from '../pool/backend.js';
import type { Link } from '../trunk/link.js';
import type { Trunks } from '../trunk/trunks.js';
import { readRequest } from './describe-request.js';
import type { Session } from './session.js';

/** @param exclude tried already; those that turn out to be full are added. */
export function chooseLink(trunks: Trunks, session: Session, exclude: Set<Backend>): Link | undefined {
  const { pool } = session;
  const isHashing = pool.config.balance === 'source-hash' || pool.config.balance === 'consistent-hash';
  const hash = isHashing ? { hashKey: addressOf(session) } : {};
  for (;;) {
    const backend = pool.pick({ exclude, ...hash });
    if (backend === undefined) return undefined;
    const link = trunks.linkOf(backend);
    if (link?.readyTrunk !== undefined && !isFull(link)) return link;
    exclude.add(backend);
  }
}

/** By what it says of itself and what it said last that it has. */
function isFull({ backend, readyTrunk }: Link): boolean {
  const capacity = readyTrunk?.backend?.capacity ?? 0;
  return capacity > 0 && backend.load >= capacity;
}

/** The client's. */
export function addressOf({ request }: Session): string {
  return readRequest(request).address;
}
