/** What passed through a session, for its line in the access log, and for the metrics of the backend that it has at the time. */
import { SessionKind } from '@holdfast/protocol';
import type { TrafficCounts } from '../observe/traffic.js';
import type { DataRun } from '../trunk/stream-owner.js';

export class Tally {
  messagesUp = 0;
  messagesDown = 0;
  bytesUp = 0;
  bytesDown = 0;
  #counts: TrafficCounts | undefined;

  /** The connection counts as one of these from now on. */
  moveTo(counts: TrafficCounts | undefined): void {
    if (this.#counts !== undefined) this.#counts.open -= 1;
    this.#counts = counts;
    if (counts !== undefined) counts.open += 1;
  }

  opened(): void {
    if (this.#counts !== undefined) this.#counts.total += 1;
  }

  up(bytes: number): void {
    this.messagesUp += 1;
    this.bytesUp += bytes;
    if (this.#counts === undefined) return;
    this.#counts.messagesUp += 1;
    this.#counts.bytesUp += bytes;
  }

  /** Acknowledgements of an SDK session are bytes, but no messages. */
  down(bytes: Uint8Array, run: DataRun, isPlain: boolean): void {
    let messages = 0;
    let total = 0;
    for (let i = 0; i < run.count; i += 1) {
      const start = run.starts[i] ?? 0;
      total += (run.ends[i] ?? 0) - start;
      if (isPlain || bytes[start] !== SessionKind.Ack) messages += 1;
    }
    this.messagesDown += messages;
    this.bytesDown += total;
    if (this.#counts === undefined) return;
    this.#counts.messagesDown += messages;
    this.#counts.bytesDown += total;
  }
}
