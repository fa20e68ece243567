/**
 * The building blocks of the schema. Every block carries the sentence that a mistake needs (`expected …`), so that
 * no wording of the validation library reaches a user, and what the JSON Schema says about it. Values of one text
 * format are parsed by a function of formats.ts or units.ts: what comes out is what the worker runs on.
 */
import { z } from 'zod';
import {
  DURATION_PATTERN,
  formatDuration,
  formatSize,
  MAX_TIMER_MS,
  parseDuration,
  parseSize,
  SIZE_PATTERN,
} from './units.js';

interface Range {
  readonly min?: number;
  readonly max?: number;
}

/** A map with exactly these keys. The message for an unknown one is the list of known ones: issues.ts reads it. */
export function map<S extends z.core.$ZodLooseShape>(shape: S): z.ZodObject<S, z.core.$strict> {
  const known = Object.keys(shape).join(', ');
  return z.strictObject(shape, { error: (issue) => (issue.code === 'unrecognized_keys' ? known : undefined) });
}

/** A text of one format; `parse` gives undefined for anything else. */
export function text<T>(expected: string, parse: (text: string) => T | undefined, pattern?: string): z.ZodType<T> {
  const input = z.string({ error: expected });
  return parsed(pattern === undefined ? input : input.meta({ pattern }), expected, parse);
}

/** A text of one format, or a whole number that is read as one. */
export function textOrNumber<T>(expected: string, parse: (input: string | number) => T | undefined): z.ZodType<T> {
  const number = z.int({ error: expected }).min(0, { error: expected }).max(65_535, { error: expected });
  const input = z.union([z.string(), number], { error: expected });
  return parsed(input, expected, parse);
}

/** Milliseconds out of `250ms`, `30s`, `5m`, `1h`, `1d` or 0. */
export function duration({ min = 0, max = MAX_TIMER_MS }: Range = {}): z.ZodType<number> {
  const bounds =
    min > 0 ? ` from ${formatDuration(min)} to ${formatDuration(max)}` : ` up to ${formatDuration(max)}, or 0`;
  const expected = `a duration with its unit (250ms, 30s, 5m, 1h, 1d)${bounds}`;
  const texts = z.string().meta({ pattern: DURATION_PATTERN });
  const input = z.union([z.literal(0), texts], { error: expected });
  return parsed(input, expected, (value) => within(parseDuration(String(value)), min, max));
}

/** Bytes out of `64KiB`, `1MiB`, `10MB` or a plain number. */
export function size({ min = 0, max = 1_073_741_824 }: Range = {}): z.ZodType<number> {
  const expected = `a size (65536, 64KiB, 1MiB) from ${formatSize(min)} to ${formatSize(max)}`;
  const texts = z.string().meta({ pattern: SIZE_PATTERN });
  const input = z.union([z.int({ error: expected }).min(0, { error: expected }), texts], { error: expected });
  return parsed(input, expected, (value) => within(parseSize(String(value)), min, max));
}

export function integer({ min = 0, max = Number.MAX_SAFE_INTEGER }: Range = {}): z.ZodType<number> {
  const error = `a whole number from ${min} ${max === Number.MAX_SAFE_INTEGER ? 'up' : `to ${max}`}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
}

export function flag(): z.ZodType<boolean> {
  return z.boolean({ error: 'true or false' });
}

export function choice<const T extends string>(values: readonly T[]): z.ZodType<T> {
  return z.enum(values, { error: `one of ${values.join(', ')}` }) as z.ZodType<T>;
}

/** A list that, when it is there, has something in it. */
export function list<T>(item: z.ZodType<T>, expected: string): z.ZodType<T[]> {
  return z.array(item, { error: expected }).min(1, { error: expected });
}

/** `false` switches the thing off and gives `off`. */
export function orFalse<T>(schema: z.ZodType<T>, off: T): z.ZodType<T> {
  return z.union([z.literal(false).transform(() => off), schema], { error: 'a map of settings, or false for off' });
}

/** For a whole map that is wrong although each of its keys is right. Gives what zod takes as "no value". */
export function refuse(context: z.RefinementCtx, expected: string, got?: string): never {
  context.addIssue({ code: 'custom', message: expected, params: got === undefined ? {} : { got } });
  return z.NEVER;
}

function parsed<I, T>(input: z.ZodType<I>, expected: string, parse: (input: I) => T | undefined): z.ZodType<T> {
  return input.transform((value, context) => parse(value) ?? refuse(context, expected));
}

function within(value: number | undefined, min: number, max: number): number | undefined {
  return value === undefined || value < min || value > max ? undefined : value;
}
