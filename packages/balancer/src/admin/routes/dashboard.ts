/**
 * GET /: the dashboard, one page that asks for nothing but the calls of this API. Its files are put together once, and the
 * policy that goes with it names the hashes of what is in it: nothing that slips into the page later would run.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { FastifyInstance } from 'fastify';

/** The same from src and from dist. */
const FOLDER = new URL('../../../dashboard/', import.meta.url);

export function dashboardRoute(app: FastifyInstance): void {
  const style = read('page.css');
  const script = ['text.js', 'table.js', 'page.js'].map(read).join('\n');
  // Replaced by functions: `$&` in a text would mean something.
  const page = read('page.html')
    .replace('<style></style>', () => `<style>${style}</style>`)
    .replace('<script></script>', () => `<script>${script}</script>`);
  const policy = [
    "default-src 'none'",
    `script-src '${hashOf(script)}'`,
    `style-src '${hashOf(style)}'`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  app.get('/', async (_, reply) => {
    reply.headers({
      'content-security-policy': policy,
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
    });
    reply.type('text/html; charset=utf-8');
    return page;
  });
}

function read(name: string): string {
  return readFileSync(new URL(name, FOLDER), 'utf8');
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}
