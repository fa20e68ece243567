/**
 * What the outside tells this process: SIGTERM and SIGINT stop it (a second one at once), SIGHUP reloads, and an error that
 * nobody caught ends it. The source is passed in, so that a test can be the operating system.
 */

export interface SignalSource {
  on(event: string, listener: (value: unknown) => void): unknown;
  off(event: string, listener: (value: unknown) => void): unknown;
}

export interface SignalHandlers {
  readonly onStop: (signal: string) => void;
  readonly onReload: () => void;
  /** Uncaught exceptions and unhandled rejections: the state of this process cannot be trusted any more. */
  readonly onFatal: (error: unknown) => void;
}

/** Answers what takes the listeners off again. */
export function listenToSignals(source: SignalSource, { onStop, onReload, onFatal }: SignalHandlers): () => void {
  const listeners: readonly (readonly [string, (value: unknown) => void])[] = [
    ['SIGTERM', () => onStop('SIGTERM')],
    ['SIGINT', () => onStop('SIGINT')],
    ['SIGHUP', () => onReload()],
    ['uncaughtException', onFatal],
    ['unhandledRejection', onFatal],
  ];
  for (const [event, listener] of listeners) source.on(event, listener);
  return () => {
    for (const [event, listener] of listeners) source.off(event, listener);
  };
}
