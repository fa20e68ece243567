/**
 * Whose buffers go when memory is short: those of the slowest readers, largest first, until half of what waits in large buffers
 * is gone. Looked at again a second later. Pure.
 */
export interface Buffering {
  readonly bufferedBytes: { readonly down: number; readonly up: number };
}

/** Closing those who have less would free nothing worth a connection. */
const LARGE_BYTES = 16 * 1024;
const MAX_AT_ONCE = 1000;

export function largestBuffers<B extends Buffering>(connections: Iterable<B>): readonly B[] {
  const large: { readonly connection: B; readonly bytes: number }[] = [];
  let total = 0;
  for (const connection of connections) {
    const { down, up } = connection.bufferedBytes;
    if (down + up < LARGE_BYTES) continue;
    large.push({ connection, bytes: down + up });
    total += down + up;
  }
  large.sort((one, other) => other.bytes - one.bytes);
  let freed = 0;
  const chosen = large.slice(0, MAX_AT_ONCE).filter(({ bytes }) => {
    const isWanted = freed < total / 2;
    if (isWanted) freed += bytes;
    return isWanted;
  });
  return chosen.map(({ connection }) => connection);
}
