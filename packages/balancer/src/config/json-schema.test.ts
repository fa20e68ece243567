import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { configJsonSchema } from './json-schema.js';

const FILE = new URL('../../schema/holdfast.schema.json', import.meta.url);

interface Schema {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly [key: string]: unknown;
}

describe('the JSON Schema', () => {
  it('is the one that was committed (else: node packages/balancer/dist/config/write-json-schema.js)', async () => {
    expect(await readFile(FILE, 'utf8')).toBe(configJsonSchema());
  });

  it('describes every key', () => {
    expect(undescribed(JSON.parse(configJsonSchema()) as Schema, '')).toEqual([]);
  });

  it('takes input: defaults are not required', () => {
    const schema = JSON.parse(configJsonSchema()) as Schema;
    expect(schema['required']).toEqual(['listen', 'routes', 'pools']);
  });
});

function undescribed(schema: Schema, path: string): string[] {
  const own = Object.entries(schema.properties ?? {}).flatMap(([key, value]) => {
    const here = `${path}.${key}`;
    return [...(value.description === undefined ? [here] : []), ...undescribed(value, here)];
  });
  const inner = ['items', 'additionalProperties', 'anyOf'].flatMap((key) => [schema[key] ?? []].flat());
  return [...own, ...inner.flatMap((value) => (typeof value === 'object' ? undescribed(value as Schema, path) : []))];
}
