/**
 * Which checks are to be made, for all pools together: the same target with the same check is one job, however many
 * pools list it. Pure.
 */
import type { CheckJob } from './checker.js';
import type { Roster } from './roster.js';

export interface CheckPlan {
  readonly jobs: readonly CheckJob[];
  /** Job key → whom its results concern. */
  readonly concerned: ReadonlyMap<string, readonly { readonly roster: Roster; readonly id: string }[]>;
}

export function planChecks(rosters: Iterable<Roster>): CheckPlan {
  const jobs = new Map<string, CheckJob>();
  const concerned = new Map<string, { roster: Roster; id: string }[]>();
  for (const roster of rosters) {
    const { health: config, tls, proxy, proxyProtocol } = roster.config;
    if (config === undefined) continue;
    for (const [id, { listed }] of roster.members) {
      const target = { url: listed.url, serverName: listed.serverName, tls, proxy, proxyProtocol };
      const key = JSON.stringify([target.url, target.serverName, tls?.digest, proxy, proxyProtocol, config]);
      jobs.set(key, { key, target, config });
      concerned.set(key, [...(concerned.get(key) ?? []), { roster, id }]);
    }
  }
  return { jobs: [...jobs.values()], concerned };
}
