/**
 * Is the balancer alive? For containers, whose images have no curl. Asks /healthz, which needs no token, of the admin
 * address; HOLDFAST_ADMIN names another one than http://127.0.0.1:8081.
 */
const admin = process.env.HOLDFAST_ADMIN ?? 'http://127.0.0.1:8081';
const response = await fetch(new URL('/healthz', admin), { signal: AbortSignal.timeout(2500) }).catch((error) => error);
if (response.ok !== true) {
  process.stderr.write(`expected ${admin}/healthz to answer 200, got ${response.status ?? response.message}\n`);
  process.exit(1);
}
