/**
 * Writes schema/holdfast.schema.json. Run after the build when a key has changed:
 * `node packages/balancer/dist/config/write-json-schema.js`; a unit test fails while the file is stale.
 */
import { writeFile } from 'node:fs/promises';
import { configJsonSchema } from './json-schema.js';

await writeFile(new URL('../../schema/holdfast.schema.json', import.meta.url), configJsonSchema());
