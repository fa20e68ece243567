/**
 * A stream that was opened at a backend and is not answered yet. The answer is acted on in the very call that brought it,
 * because data may follow in the same batch; whoever asked learns a moment later how it went.
 */
import { type Opened, REQUEST_TIMEOUT_MS } from '@holdfast/protocol';

export type OpenResult =
  | { readonly kind: 'opened' }
  | { readonly kind: 'refused'; readonly code: number; readonly reason: string }
  /** The trunk is gone, or took no stream. */
  | { readonly kind: 'lost' }
  | { readonly kind: 'timeout' }
  /** The client has left meanwhile. */
  | { readonly kind: 'left' };

export class OpenAttempt {
  readonly result: Promise<OpenResult>;
  readonly #onOpened: (opened: Opened) => void;
  readonly #timer: NodeJS.Timeout;
  #resolve: (result: OpenResult) => void = () => undefined;

  /** @param onOpened acts on the answer at once. */
  constructor(onOpened: (opened: Opened) => void, onTimeout: () => void) {
    this.#onOpened = onOpened;
    this.result = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.#timer = setTimeout(onTimeout, REQUEST_TIMEOUT_MS);
  }

  opened(opened: Opened): void {
    this.settle({ kind: 'opened' });
    this.#onOpened(opened);
  }

  settle(result: OpenResult): void {
    clearTimeout(this.#timer);
    this.#resolve(result);
  }
}
