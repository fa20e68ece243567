/**
 * When to ping a trunk and when to give it up (PROTOCOL.md, "Heartbeat"). Pure but for its own three numbers. A ping carries
 * the moment of its sending, so that its answer tells the round trip without a table of open pings.
 */
export const TRUNK_HEARTBEAT_MS = 2000;
export const TRUNK_STALE_MS = 6000;
const PING_BYTES = 8;

export type Pulse = 'quiet' | 'ping' | 'stale';

export class Heartbeat {
  /** Of the last answered ping. */
  rttMs: number | undefined;
  #heardAtMs: number;
  #pingedAtMs: number;

  constructor(nowMs: number) {
    this.#heardAtMs = this.#pingedAtMs = nowMs;
  }

  heard(nowMs: number): void {
    this.#heardAtMs = nowMs;
  }

  judge(nowMs: number): Pulse {
    if (nowMs - this.#heardAtMs >= TRUNK_STALE_MS) return 'stale';
    return nowMs - this.#pingedAtMs >= TRUNK_HEARTBEAT_MS ? 'ping' : 'quiet';
  }

  /** Payload of a ping that is sent now. */
  ping(nowMs: number): Uint8Array {
    this.#pingedAtMs = nowMs;
    const payload = new DataView(new ArrayBuffer(PING_BYTES));
    payload.setFloat64(0, nowMs);
    return new Uint8Array(payload.buffer);
  }

  /** Whatever comes back was sent by the other end: what is no moment of the recent past is ignored. */
  pong(payload: Uint8Array, nowMs: number): void {
    if (payload.length !== PING_BYTES) return;
    const rttMs = nowMs - new DataView(payload.buffer, payload.byteOffset).getFloat64(0);
    if (rttMs >= 0 && rttMs <= TRUNK_STALE_MS) this.rttMs = rttMs;
  }
}
