/**
 * An operator's change to a backend, as it comes from the admin API: checked here, so that every way in has the same
 * rules and the same words. Pure. `ready` takes the operator's hand off again, it does not overrule the checks.
 */
import type { Override } from './member.js';

export interface OverrideChange {
  readonly state?: 'ready' | 'draining' | 'maintenance';
  /** 0–1000. */
  readonly weight?: number;
  /** Only the backend of this pool; absent: every pool that lists the id. */
  readonly pool?: string;
}

export const MAX_WEIGHT = 1000;
const STATES: readonly unknown[] = ['ready', 'draining', 'maintenance'];

/** What is wrong with the change, undefined when nothing is. */
export function refuseChange({ state, weight }: OverrideChange): string | undefined {
  if (state === undefined && weight === undefined) return 'expected a state or a weight, got neither';
  if (state !== undefined && !STATES.includes(state)) {
    return `state: expected ready, draining or maintenance, got ${JSON.stringify(state)}`;
  }
  if (weight !== undefined && !(Number.isInteger(weight) && weight >= 0 && weight <= MAX_WEIGHT)) {
    return `weight: expected an integer from 0 to ${MAX_WEIGHT}, got ${JSON.stringify(weight)}`;
  }
  return undefined;
}

/** undefined: nothing of it is left. */
export function applyChange(override: Override | undefined, change: OverrideChange): Override | undefined {
  const state = change.state === undefined ? override?.state : change.state === 'ready' ? undefined : change.state;
  const weight = change.weight ?? override?.weight;
  if (state === undefined && weight === undefined) return undefined;
  return { ...(state === undefined ? {} : { state }), ...(weight === undefined ? {} : { weight }) };
}
