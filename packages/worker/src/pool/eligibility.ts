/**
 * Who may take new work, decided once per snapshot. Two modes: normally the ready ones; in panic also those that are
 * down, because so many at once are rather a broken check than broken backends. An operator's word (draining,
 * maintenance, weight 0) holds in both, and whoever is out by it does not count towards the threshold either.
 */
import type { Backend } from './backend.js';

export type Eligibility =
  | { readonly name: 'normal'; readonly candidates: readonly Backend[] }
  | { readonly name: 'panic'; readonly candidates: readonly Backend[] };

export function judge(members: readonly Backend[], panicThreshold: number): Eligibility {
  const allowed = members.filter(({ state, weight }) => weight > 0 && (state === 'ready' || state === 'down'));
  const ready = allowed.filter(({ state }) => state === 'ready');
  const isPanic = ready.length * 100 < panicThreshold * allowed.length;
  return isPanic ? { name: 'panic', candidates: allowed } : { name: 'normal', candidates: ready };
}
