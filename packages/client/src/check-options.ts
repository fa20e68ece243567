/**
 * `checkOptions`: are these the options that there are, of the right kinds? A part by itself, since a program in TypeScript was
 * asked that when it was compiled; `connect` of this package asks always, that of the core does not.
 */
import type { Bound } from '@holdfast/protocol';
import { ClientError, mismatch } from './errors.js';
import { given, MAX_TIMER_MS, type SessionOptions } from './options.js';

/** What is expected: a type, an array, one of some values, or, as a number, a whole number from 1 to that. */
type Rule = 'function' | 'array' | 'object' | readonly string[] | number;
type Rules<Options> = Readonly<Record<keyof Options, Rule>>;

const RULES: Rules<SessionOptions> = {
  token: 'function',
  webSocket: 'function',
  protocols: 'array',
  binaryType: ['arraybuffer', 'blob'],
  topics: 'function',
  queue: 'object',
  connectTimeoutMs: MAX_TIMER_MS,
  probeTimeoutMs: MAX_TIMER_MS,
  random: 'function',
};
const QUEUE_RULES: Rules<Bound> = { messages: Number.MAX_SAFE_INTEGER, bytes: Number.MAX_SAFE_INTEGER };

/** The same options. Throws a ClientError when one is unknown or cannot be meant. */
export function checkOptions<Options extends SessionOptions>(options: Options): Options {
  check(options, RULES);
  check(options.queue, QUEUE_RULES);
  return options;
}

function check(options: object | undefined, rules: Readonly<Record<string, Rule>>): void {
  for (const [name, value] of Object.entries(given(options))) {
    if (!Object.hasOwn(rules, name)) throw bad('options', Object.keys(rules).join(', '), name);
    expect(name, rules[name] as Rule, value);
  }
}

function expect(name: string, rule: Rule, value: unknown): void {
  const type = Array.isArray(value) ? 'array' : typeof value;
  if (typeof rule === 'number') {
    const isRight = Number.isSafeInteger(value) && (value as number) > 0 && (value as number) <= rule;
    if (!isRight) throw bad(name, `a whole number from 1 to ${rule}`, type === 'number' ? value : type);
    return;
  }
  const isRight = typeof rule === 'string' ? type === rule : rule.includes(value as string);
  // The value is not told: it may be a secret that was put in the wrong place.
  if (!isRight) throw bad(name, String(rule), type);
}

function bad(what: string, expected: string, got: unknown): ClientError {
  return new ClientError('CLIENT_BAD_OPTION', mismatch(what, expected, got));
}
