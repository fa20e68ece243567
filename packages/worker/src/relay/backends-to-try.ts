/**
 * The backends to try for one request, one after another, none twice, as many as the pool's `retries` allow. Ends early
 * when there is none left or the client has gone. The caller leaves the loop once a backend has spoken.
 */
import type { Affinity, Choice } from '../affinity/affinity.js';
import type { DownstreamRequest } from '../listener/downstream-request.js';
import type { Backend } from '../pool/backend.js';
import type { Pool } from '../pool/pool.js';
import type { ClientInfo } from '../routing/trust.js';

export interface TryingRequest {
  readonly request: DownstreamRequest;
  readonly client: ClientInfo;
  /** The client left, or was answered. */
  readonly isOver: () => boolean;
}

export async function* backendsToTry(affinity: Affinity, pool: Pool, trying: TryingRequest): AsyncGenerator<Choice> {
  const exclude = new Set<Backend>();
  const { request, client, isOver } = trying;
  const isSecure = client.proto === 'https';
  while (exclude.size <= pool.config.retries) {
    const choice = await affinity.choose(pool, { request, clientAddress: client.address, isSecure, exclude });
    if (choice === undefined || isOver()) return;
    exclude.add(choice.backend);
    yield choice;
  }
}
