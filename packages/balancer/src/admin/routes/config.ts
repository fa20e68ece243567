/** GET /v1/config: the configuration in force, with every default filled in and every secret left out. */
import type { FastifyInstance } from 'fastify';
import type { AdminControl, AdminIdentity } from '../control.js';
import { redactConfig } from '../redact.js';

export function configRoute(app: FastifyInstance, control: AdminControl, { file }: AdminIdentity): void {
  app.get('/v1/config', async () => {
    const { configVersion } = control.report().reload;
    return { file, version: configVersion, config: redactConfig(control.config()) };
  });
}
