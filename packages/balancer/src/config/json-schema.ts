/**
 * The JSON Schema that editors complete and check configuration files with, made from the schema that the binary
 * itself uses. It describes the file before `${ENV}` is expanded, so a number that comes out of a variable is
 * underlined by an editor though Holdfast takes it.
 */
import { z } from 'zod';
import { configSchema } from './schema.js';

const HEAD = {
  $id: 'holdfast.schema.json',
  title: 'Holdfast configuration',
  description: 'Durations: 250ms, 2s, 5m, 1h, 1d. Sizes: 64KiB, 1MiB. ${ENV} and ${ENV:-default} expand.',
} as const;

/** The text of the schema file. */
export function configJsonSchema(): string {
  const { $schema, ...schema } = z.toJSONSchema(configSchema, { io: 'input', override: withoutFillers });
  return `${JSON.stringify({ $schema, ...HEAD, ...schema }, undefined, 2)}\n`;
}

/** "Any integer that JavaScript holds" is no bound that a reader of the schema needs. */
function withoutFillers({ jsonSchema }: { jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
}
