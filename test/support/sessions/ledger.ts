/**
 * The backends' side of the account: from what all of their lives wrote down, what was handled, how often, in which
 * order. Every message must have been handled; a repeat must be flagged; a session object sees no gap and no repeat.
 */

export interface Ledger {
  readonly handled: number;
  readonly redelivered: number;
  /** Sessions that began at a backend, by cause. */
  readonly causes: Readonly<Record<string, number>>;
  readonly errors: readonly string[];
  readonly violations: readonly string[];
}

export function audit(lines: readonly string[], sentBy: Readonly<Record<string, number>>): Ledger {
  /** The logs of several backends are not in one order: how often a number came, and how often flagged. */
  const seen = new Map<string, Map<number, { all: number; flagged: number }>>();
  const lastOfRun = new Map<string, number>();
  const causes: Record<string, number> = {};
  const errors: string[] = [];
  const violations: string[] = [];
  let handled = 0;
  let redelivered = 0;
  for (const line of lines) {
    const [kind, run = '', ...rest] = line.split(' ');
    if (kind === 's') causes[rest[1] ?? ''] = (causes[rest[1] ?? ''] ?? 0) + 1;
    if (kind === '!') errors.push(line);
    if (kind !== 'm') continue;
    const [client = '', seqText = '', flag] = rest;
    const seq = Number(seqText);
    handled += 1;
    if (flag === '1') redelivered += 1;
    const last = lastOfRun.get(run);
    if (last !== undefined && seq !== last + 1) violations.push(`${run} ${client}: expected ${last + 1}, got ${seq}`);
    lastOfRun.set(run, seq);
    const numbers = seen.get(client) ?? new Map<number, { all: number; flagged: number }>();
    seen.set(client, numbers);
    const times = numbers.get(seq) ?? { all: 0, flagged: 0 };
    times.all += 1;
    if (flag === '1') times.flagged += 1;
    numbers.set(seq, times);
  }
  for (const [client, sent] of Object.entries(sentBy)) {
    for (let seq = 1; seq <= sent; seq += 1) {
      const times = seen.get(client)?.get(seq);
      if (times === undefined) violations.push(`${client}: ${seq} was never handled`);
      else if (times.all - times.flagged > 1) violations.push(`${client}: ${seq} came again, not flagged`);
    }
  }
  return { handled, redelivered, causes, errors, violations };
}
