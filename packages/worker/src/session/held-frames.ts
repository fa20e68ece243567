/**
 * Frames of a client that cannot be passed on yet: a slow handler asked for a pause, or a plain client's backend is being
 * replaced. Copies, in order, with their bytes counted; the bound is the owner's to keep.
 */
export class HeldFrames {
  #frames: { readonly kind: number; readonly bytes: Uint8Array }[] = [];
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  push(kind: number, bytes: Uint8Array): void {
    this.#frames.push({ kind, bytes: new Uint8Array(bytes) });
    this.#bytes += bytes.length;
  }

  /** In order; empty afterwards. */
  takeAll(): readonly { readonly kind: number; readonly bytes: Uint8Array }[] {
    const frames = this.#frames;
    this.#frames = [];
    this.#bytes = 0;
    return frames;
  }
}
