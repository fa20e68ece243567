/**
 * The sid that an engine.io (Socket.IO) server hands out in its first long-polling answer. The open packet is
 * `0{"sid":"…",…}` (protocol 4) or `<length>:0{"sid":"…",…}` (protocol 3). Pure.
 */

// oxlint-disable-next-line no-control-regex -- packets of one answer are parted by the record separator
const OPEN_PACKET = /^(?:\d{1,6}:)?0(\{[^\x1e]*\})/;
/** An open packet is a few hundred bytes; longer first answers carry no sid to learn. */
const MAX_OPEN_PACKET_BYTES = 4096;

/** Is this the request that a server answers with a new sid? */
export function isEngineIoHandshake(query: string): boolean {
  if (!query.includes('transport=polling')) return false;
  const parameters = new URLSearchParams(query);
  return parameters.has('EIO') && !parameters.has('sid');
}

/** The sid of an answer's body, or undefined when it holds none. */
export function learnSid(body: Uint8Array): string | undefined {
  if (body.byteLength > MAX_OPEN_PACKET_BYTES) return undefined;
  const json = OPEN_PACKET.exec(Buffer.from(body).toString())?.[1];
  if (json === undefined) return undefined;
  try {
    const packet: unknown = JSON.parse(json);
    if (typeof packet !== 'object' || packet === null || !('sid' in packet)) return undefined;
    return typeof packet.sid === 'string' && packet.sid !== '' ? packet.sid : undefined;
  } catch {
    return undefined;
  }
}
