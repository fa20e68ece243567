/** Schema of a route's `access`: which client addresses may come in at all. */
import type { AccessConfig } from '@holdfast/worker';
import type { z } from 'zod';
import { parseCidr } from './formats.js';
import { list, map, text } from './schema-parts.js';

const BLOCKS = 'a list of at least one IP address or CIDR block such as 10.0.0.0/8';

const blocks = (): z.ZodType<string[]> =>
  list(text('an IP address or a CIDR block such as 10.0.0.0/8', parseCidr), BLOCKS);

export const accessSchema: z.ZodType<AccessConfig> = map({
  allow: blocks().optional().describe('Addresses and CIDR blocks that may come in. Absent: all.'),
  deny: blocks().optional().describe('Addresses and CIDR blocks that may not, whatever `allow` says.'),
}).transform(({ allow, deny }) => ({ allow: allow ?? [], deny: deny ?? [] }));
