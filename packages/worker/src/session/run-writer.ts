/**
 * Writes a run of data frames to a client: one frame as it is, several corked, so that they cost one system call. One for all
 * sessions, since a closure per run would be an allocation per message.
 */
import { TrunkKind } from '@holdfast/protocol';
import type { SendResult } from '../listener/downstream-socket.js';
import type { DataRun } from '../trunk/stream-owner.js';
import type { ClientConnection } from './client-connection.js';

export class RunWriter {
  #connection: ClientConnection | undefined;
  #bytes: Uint8Array = new Uint8Array(0);
  #run: DataRun | undefined;
  #result: SendResult = 'sent';
  readonly #writeAll = (): void => {
    const run = this.#run;
    if (run === undefined) return;
    for (let i = 0; i < run.count && this.#result !== 'dropped'; i += 1) this.#writeOne(run, i);
  };

  /** The worst of the results; after `dropped` nothing more is sent. */
  write(connection: ClientConnection, bytes: Uint8Array, run: DataRun): SendResult {
    this.#connection = connection;
    this.#bytes = bytes;
    this.#result = 'sent';
    if (run.count === 1) this.#writeOne(run, 0);
    else {
      this.#run = run;
      connection.cork(this.#writeAll);
    }
    this.#connection = this.#run = undefined;
    return this.#result;
  }

  #writeOne(run: DataRun, index: number): void {
    const view = this.#bytes.subarray(run.starts[index], run.ends[index]);
    const result = this.#connection?.send(view, run.kinds[index] === TrunkKind.Binary) ?? 'dropped';
    if (result !== 'sent') this.#result = result;
  }
}
