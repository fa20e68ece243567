/** Bytes that wait in a worker for slow peers: of relayed connections, of sessions, and of the trunks that these share. */
export interface BufferedBytes {
  readonly down: number;
  readonly up: number;
}

export interface Buffers {
  readonly connections: readonly Iterable<{ readonly bufferedBytes: BufferedBytes }>[];
  readonly trunks: Iterable<{ readonly trunk: { readonly bufferedBytes: number } | undefined }>;
}

export function bufferedBytes({ connections, trunks }: Buffers): BufferedBytes {
  let down = 0;
  let up = 0;
  for (const those of connections) {
    for (const connection of those) {
      const bytes = connection.bufferedBytes;
      down += bytes.down;
      up += bytes.up;
    }
  }
  for (const { trunk } of trunks) up += trunk?.bufferedBytes ?? 0;
  return { down, up };
}
