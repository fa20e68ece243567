/**
 * What a page or process lives through that a session should know of: network gone and back, sleep, frozen tabs, the
 * back/forward cache. A hint is only ever a reason to look or to try; nothing is believed. Where there is no
 * window (Node) there are no hints, and heartbeats find everything a little later.
 */

export interface LifecycleEvents {
  /** Online, awake, visible, back from the cache: connections that look open may be dead. */
  onWake(): void;
  /** The page goes into the back/forward cache, which an open connection may keep it out of. */
  onHide(): void;
}

type Target = Pick<EventTarget, 'addEventListener' | 'removeEventListener'>;

/** The parts of `globalThis` that are looked at. */
export interface LifecycleHost extends Partial<Target> {
  readonly document?: Target & { readonly visibilityState?: string };
  readonly navigator?: { readonly onLine?: boolean };
}

/** Answers what stops it. */
export function watchLifecycle(events: LifecycleEvents, host: LifecycleHost = globalThis as LifecycleHost): () => void {
  const { document } = host;
  const wake = (): void => events.onWake();
  const stops = [
    listen(host, 'online', wake),
    listen(host, 'pageshow', (event) => isPersisted(event) && wake()),
    listen(host, 'pagehide', (event) => isPersisted(event) && events.onHide()),
    listen(document, 'resume', wake),
    listen(document, 'visibilitychange', () => document?.visibilityState === 'visible' && wake()),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

/** Does the platform say that there is no network? It may be wrong. */
export function isOffline(host: LifecycleHost = globalThis as LifecycleHost): boolean {
  return host.navigator?.onLine === false;
}

function listen(target: Partial<Target> | undefined, type: string, listener: (event: object) => void): () => void {
  target?.addEventListener?.(type, listener);
  return () => target?.removeEventListener?.(type, listener);
}

function isPersisted(event: { readonly persisted?: boolean }): boolean {
  return event.persisted === true;
}
