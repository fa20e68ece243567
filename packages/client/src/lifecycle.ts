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

type Target = Pick<EventTarget, 'addEventListener'>;

/** `persisted`, of pageshow and pagehide: about the back/forward cache. */
type PageEvent = Event & { readonly persisted?: boolean };

/** The parts of `globalThis` that are looked at. */
export interface LifecycleHost extends Partial<Target> {
  readonly document?: Target & { readonly visibilityState?: string };
  readonly navigator?: { readonly onLine?: boolean };
}

/** Answers what stops it. */
export function watchLifecycle(events: LifecycleEvents, host: LifecycleHost = globalThis as LifecycleHost): () => void {
  const { document } = host;
  const stop = new AbortController();
  const listen = (target: Partial<Target> | undefined, type: string, listener: (event: PageEvent) => void): void =>
    target?.addEventListener?.(type, listener as (event: Event) => void, { signal: stop.signal });
  const wake = (): void => events.onWake();
  listen(host, 'online', wake);
  listen(host, 'pageshow', ({ persisted }) => persisted && wake());
  listen(host, 'pagehide', ({ persisted }) => persisted && events.onHide());
  listen(document, 'resume', wake);
  listen(document, 'visibilitychange', () => document?.visibilityState === 'visible' && wake());
  return () => stop.abort();
}

/** Does the platform say that there is no network? It may be wrong. */
export function isOffline(host: LifecycleHost = globalThis as LifecycleHost): boolean {
  return host.navigator?.onLine === false;
}
