/**
 * Durations and sizes as people write them: `250ms 2s 5m 1h 1d` and `64KiB 1MiB 1GiB` (also KB, MB, GB and plain
 * bytes). A duration without a unit is refused, except 0: half of the world reads `timeout: 30` as seconds and the
 * other half as milliseconds. A size without a unit can only be bytes.
 */

/** Longest duration of anything that a timer waits for: node's timers fire at once beyond 2^31 - 1 ms. */
export const MAX_TIMER_MS: number = 24 * 86_400_000;

const DURATION_UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const SIZE_UNITS = {
  B: 1,
  KB: 1000,
  MB: 1_000_000,
  GB: 1_000_000_000,
  KiB: 1024,
  MiB: 1_048_576,
  GiB: 1_073_741_824,
} as const;

/** Source of a regular expression, also shown to editors through the JSON Schema. */
export const DURATION_PATTERN = '^(0|\\d{1,12}(\\.\\d{1,6})?(ms|s|m|h|d))$';
export const SIZE_PATTERN = '^\\d{1,15}(\\.\\d{1,6})?(B|KB|MB|GB|KiB|MiB|GiB)?$';

/** Milliseconds, or undefined when the text is no duration. */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0;
  return parseAmount(text, DURATION_PATTERN, DURATION_UNITS);
}

/** Bytes, or undefined when the text is no size. */
export function parseSize(text: string): number | undefined {
  return parseAmount(text, SIZE_PATTERN, SIZE_UNITS);
}

/** In the largest unit that gives a whole number: 90000 → `90s`. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0';
  return formatAmount(ms, ['d', 'h', 'm', 's', 'ms'], DURATION_UNITS);
}

export function formatSize(bytes: number): string {
  return formatAmount(bytes, ['GiB', 'MiB', 'KiB', 'B'], SIZE_UNITS);
}

function parseAmount(text: string, pattern: string, units: Readonly<Record<string, number>>): number | undefined {
  if (!new RegExp(pattern).test(text)) return undefined;
  const [, amount = '', unit = ''] = /^([\d.]+)([A-Za-z]*)$/.exec(text) ?? [];
  const value = Math.round(Number(amount) * (unit === '' ? 1 : (units[unit] ?? Number.NaN)));
  return Number.isSafeInteger(value) ? value : undefined;
}

function formatAmount<U extends string>(
  value: number,
  names: readonly U[],
  units: Readonly<Record<U, number>>,
): string {
  const unit = names.find((name) => value >= units[name] && value % units[name] === 0);
  return unit === undefined ? String(value) : `${value / units[unit]}${unit}`;
}
