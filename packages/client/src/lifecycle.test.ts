/** Which events of a page mean what; and that a platform without a page is fine. */
import { describe, expect, it } from 'vitest';
import { isOffline, type LifecycleHost, watchLifecycle } from './lifecycle.js';

class Page extends EventTarget {
  readonly document: EventTarget & { visibilityState: string } = Object.assign(new EventTarget(), {
    visibilityState: 'visible',
  });
}

function watch(host: LifecycleHost): { readonly seen: string[]; readonly stop: () => void } {
  const seen: string[] = [];
  const stop = watchLifecycle({ onWake: () => seen.push('wake'), onHide: () => seen.push('hide') }, host);
  return { seen, stop };
}

const CASES: readonly { on: 'window' | 'document'; type: string; isPersisted?: boolean; means: string[] }[] = [
  { on: 'window', type: 'online', means: ['wake'] },
  { on: 'window', type: 'offline', means: [] },
  { on: 'window', type: 'pageshow', isPersisted: true, means: ['wake'] },
  { on: 'window', type: 'pageshow', isPersisted: false, means: [] },
  { on: 'window', type: 'pagehide', isPersisted: true, means: ['hide'] },
  { on: 'window', type: 'pagehide', isPersisted: false, means: [] },
  { on: 'document', type: 'resume', means: ['wake'] },
  { on: 'document', type: 'freeze', means: [] },
  { on: 'document', type: 'visibilitychange', means: ['wake'] },
];

describe('life of a page', () => {
  it.each(CASES)('$type (persisted: $isPersisted) means $means', ({ on, type, isPersisted = false, means }) => {
    const page = new Page();
    const { seen } = watch(page);
    (on === 'window' ? page : page.document).dispatchEvent(Object.assign(new Event(type), { persisted: isPersisted }));
    expect(seen).toEqual(means);
  });

  it('means nothing when the page is hidden', () => {
    const page = new Page();
    const { seen } = watch(page);
    page.document.visibilityState = 'hidden';
    page.document.dispatchEvent(new Event('visibilitychange'));
    expect(seen).toEqual([]);
  });

  it('is not followed after the stop', () => {
    const page = new Page();
    const { seen, stop } = watch(page);
    stop();
    for (const { on, type } of CASES) {
      (on === 'window' ? page : page.document).dispatchEvent(Object.assign(new Event(type), { persisted: true }));
    }
    expect(seen).toEqual([]);
  });

  it('may be missing', () => {
    expect(() => watch({}).stop()).not.toThrow();
    expect([isOffline({}), isOffline({ navigator: {} })]).toEqual([false, false]);
    expect([isOffline({ navigator: { onLine: true } }), isOffline({ navigator: { onLine: false } })]).toEqual([
      false,
      true,
    ]);
  });
});
