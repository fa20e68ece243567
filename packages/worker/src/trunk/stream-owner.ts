/**
 * What a trunk tells the owner of a stream, and how it hands over data: all consecutive data frames of one stream in a
 * batch at once, so that the owner can write them to its client with one system call.
 */
export interface StreamOwner {
  /** `bytes` and `run` are valid during the call only. */
  onData(bytes: Uint8Array, run: DataRun): void;
  /** opened, close, detach, handoff, credit, subscribe or unsubscribe; `payload` is valid during the call only. May throw a ProtocolError. */
  onStreamFrame(kind: number, payload: Uint8Array): void;
  /** The trunk is gone, and the stream with it. */
  onTrunkLost(): void;
}

/** Frame i is `bytes[starts[i], ends[i])`. Reused from run to run. */
export class DataRun {
  stream = 0;
  count = 0;
  readonly kinds: number[] = [];
  readonly starts: number[] = [];
  readonly ends: number[] = [];

  add(kind: number, start: number, end: number): void {
    this.kinds[this.count] = kind;
    this.starts[this.count] = start;
    this.ends[this.count] = end;
    this.count += 1;
  }
}
