/** What the balancer says it holds: the numbers that must come back to where they were. */
import type { Holdfast } from './holdfast.js';

const OPEN = ['holdfast_connections_open', 'holdfast_http_requests_in_flight'] as const;

/** Open WebSockets and requests in flight, over all workers. */
export async function openConnections(holdfast: Holdfast): Promise<number> {
  const metrics = await holdfast.metrics();
  return OPEN.reduce((sum, name) => {
    if (!metrics.has(name)) throw new Error(`metrics: expected ${name}, got no such metric`);
    return sum + (metrics.sum(name) ?? 0);
  }, 0);
}

export interface BackendView {
  readonly pool: string;
  readonly id: string;
  readonly url: string;
  readonly state: string;
  /** Connections and requests in flight, as the workers have told. */
  readonly load: number;
}

/** `GET /v1/backends`, the list in it. */
export async function backendsOf(holdfast: Holdfast): Promise<readonly BackendView[]> {
  const { body } = await holdfast.admin('/v1/backends');
  const list = Array.isArray(body) ? body : (body as { backends: unknown }).backends;
  return list as readonly BackendView[];
}

export async function backendState(holdfast: Holdfast, id: string): Promise<string | undefined> {
  return (await backendsOf(holdfast)).find((backend) => backend.id === id)?.state;
}
