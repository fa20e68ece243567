/**
 * The life of the balancer as a whole, pure. It is `starting` until every slot has either listened or died once: a
 * balancer that took its first client while half of its workers still come up would start lopsided. If all died and none ever
 * listened, starting again would not help (a port in use, a bad certificate), so it ends with exit code 1 and the reason.
 */

export interface Exit {
  readonly code: 0 | 1 | 70;
  readonly reason: string;
}

export type Lifecycle =
  | { readonly name: 'starting' }
  | { readonly name: 'running' }
  /** grace: served as before. closing: workers let their clients go. */
  | { readonly name: 'draining'; readonly phase: 'grace' | 'closing'; readonly deadline: number }
  | { readonly name: 'stopping'; readonly exit: Exit }
  | { readonly name: 'stopped'; readonly exit: Exit };

export type LifecycleEvent =
  | { readonly type: 'slotsChanged'; readonly slots: readonly SlotHistory[] }
  | { readonly type: 'drainAsked'; readonly deadline: number }
  | { readonly type: 'graceOver' }
  | { readonly type: 'stopAsked'; readonly exit: Exit }
  | { readonly type: 'emptied' };

/** What a slot has been through since the start. */
export interface SlotHistory {
  readonly hasListened: boolean;
  /** Why its last process ended; undefined while none has. */
  readonly lastExit: string | undefined;
}

export const DRAINED: Exit = Object.freeze({ code: 0, reason: 'drained' });

export function nextLifecycle(state: Lifecycle, event: LifecycleEvent): Lifecycle {
  if (state.name === 'stopped') return state;
  switch (event.type) {
    case 'slotsChanged':
      return state.name === 'starting' ? judgeStart(state, event.slots) : state;
    case 'drainAsked':
      return isUp(state) ? { name: 'draining', phase: 'grace', deadline: event.deadline } : state;
    case 'graceOver':
      return state.name === 'draining' && state.phase === 'grace' ? { ...state, phase: 'closing' } : state;
    case 'stopAsked':
      // The first reason stays: what follows it is a consequence.
      return state.name === 'stopping' ? state : { name: 'stopping', exit: event.exit };
    case 'emptied':
      return { name: 'stopped', exit: state.name === 'stopping' ? state.exit : DRAINED };
  }
}

function isUp(state: Lifecycle): boolean {
  return state.name === 'starting' || state.name === 'running';
}

function judgeStart(state: Lifecycle, slots: readonly SlotHistory[]): Lifecycle {
  const isSettled = slots.every(({ hasListened, lastExit }) => hasListened || lastExit !== undefined);
  if (!isSettled) return state;
  if (slots.some(({ hasListened }) => hasListened)) return { name: 'running' };
  return { name: 'stopping', exit: { code: 1, reason: noneListened(slots) } };
}

/** Workers that cannot start mostly have one reason in common: it is told once. */
function noneListened(slots: readonly SlotHistory[]): string {
  const reasons = [...new Set(slots.map(({ lastExit }) => lastExit ?? 'unknown'))];
  return `expected at least one of ${slots.length} workers to listen, got: ${reasons.join('; ')}`;
}
