/**
 * Which generation a backend's sessions have, read off its trunks: applications are not told, and the account has to know
 * who came after whom. Sees as well whether a stream is opened that comes too late (I4).
 */
import { decodeWithTail, readBatch, readOpen, TrunkKind } from '@holdfast/protocol';
import type { SimTrunkTransport } from './sim-trunk.js';

interface Claim {
  readonly session: string;
  readonly generation: number;
}

export class OpenedSessions {
  readonly #generations = new Map<string, number>();
  /** By session: what a trunk brought and the backend has not answered. */
  readonly #asked = new Map<string, number>();
  readonly #onLate: (what: string) => void;

  /** @param onLate told when the backend takes an open that is not above the generation that it had. */
  constructor(onLate: (what: string) => void) {
    this.#onLate = onLate;
  }

  generationOf(sessionId: string): number {
    return Math.max(this.#generations.get(sessionId) ?? 0, this.#asked.get(sessionId) ?? 0);
  }

  /** Without what is being asked: that is for whoever comes next. */
  answeredOf(sessionId: string): number {
    return this.#generations.get(sessionId) ?? 0;
  }

  /** Looks at each batch before the backend reads it, and at each before it leaves. */
  watch(transport: SimTrunkTransport): void {
    const claims = new Map<number, Claim>();
    const { onMessage } = transport;
    transport.onMessage = (batch) => {
      eachFrame(batch, (stream, kind, payload) => {
        if (kind !== TrunkKind.Open) return;
        const { session, generation } = readOpen(decodeWithTail(payload).json);
        claims.set(stream, { session, generation });
        this.#asked.set(session, generation);
      });
      onMessage?.(batch);
    };
    transport.onSend = (batch) => {
      if (claims.size > 0) eachFrame(batch, (stream, kind) => this.#answered(claims, stream, kind));
    };
  }

  #answered(claims: Map<number, Claim>, stream: number, kind: number): void {
    const claim = claims.get(stream);
    if (claim === undefined) return;
    claims.delete(stream);
    const { session, generation } = claim;
    this.#asked.delete(session);
    if (kind !== TrunkKind.Opened) return;
    const held = this.#generations.get(session) ?? 0;
    if (generation <= held) this.#onLate(`session ${session}, generation ${generation} after ${held}`);
    this.#generations.set(session, generation);
  }
}

function eachFrame(batch: Uint8Array, act: (stream: number, kind: number, payload: Uint8Array) => void): void {
  readBatch(batch, { onFrame: (stream, kind, bytes, start, end) => act(stream, kind, bytes.subarray(start, end)) });
}
