/**
 * A GET whose time and size are bounded, for what decides who comes in. Redirects are not followed: they would take a client's
 * credentials to wherever an answer says.
 */
import type { Dispatcher } from 'undici';

export interface BoundedGet {
  readonly url: string;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  /** Until the end of the body. */
  readonly timeoutMs: number;
  readonly maxBytes: number;
}

export interface BoundedAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Buffer;
  /** There was more. */
  readonly isCut: boolean;
}

/** Rejects when there is no whole answer in time. */
export async function boundedGet(dispatcher: Dispatcher, get: BoundedGet): Promise<BoundedAnswer> {
  const { origin, pathname, search } = new URL(get.url);
  const { statusCode, headers, body } = await dispatcher.request({
    origin,
    path: `${pathname}${search}`,
    method: 'GET',
    headers: [...get.headers],
    signal: AbortSignal.timeout(get.timeoutMs),
  });
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    const room = get.maxBytes - bytes;
    chunks.push(chunk.subarray(0, room));
    bytes += chunk.length;
    // Leaving the loop destroys the body, and its connection with it.
    if (chunk.length > room) break;
  }
  return { status: statusCode, headers, body: Buffer.concat(chunks), isCut: bytes > get.maxBytes };
}
