/** How a topic reaches everybody at once: the native publish of this worker's listeners, or the fake of a test. */
export interface Broadcast {
  /** To all clients of this worker that listen on the channel, whichever listener they came through. */
  publish(channel: string, frame: Uint8Array | string, isBinary: boolean): void;
}
