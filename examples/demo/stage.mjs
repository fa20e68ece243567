/**
 * The demo's view of its own processes, for the page: GET /demo/state says what runs and what the balancer's
 * admin API says of it; POST /demo/backends/:id/kill and …/stop do what `kill -9` and `kill` in a terminal would. It listens on
 * 127.0.0.1 and is reached through the balancer like any other pool, so it answers while both backends are down.
 */
import { createServer } from 'node:http';
import { once } from 'node:events';

const ADMIN_TIMEOUT_MS = 1_000;

/** Answers `{ url, close }`. `readAdmin(path)` is given so that tests need no balancer. */
export async function startStage({ backends, readAdmin }) {
  const server = createServer((request, response) => {
    answer({ backends, readAdmin, request })
      .then(({ status, body }) => reply(response, status, body))
      .catch((error) => reply(response, 500, { error: error.message }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

export async function readAdminJson(adminUrl, path) {
  const response = await fetch(new URL(path, adminUrl), { signal: AbortSignal.timeout(ADMIN_TIMEOUT_MS) });
  if (!response.ok) throw new Error(`the admin API answered ${response.status} to GET ${path}, expected 200`);
  return response.json();
}

async function answer({ backends, readAdmin, request }) {
  const end = /^\/demo\/backends\/(\w+)\/(kill|stop)$/.exec(request.url);
  if (request.method === 'POST' && end) return endBackend(backends, { id: end[1], how: end[2] }, request);
  if (request.method === 'GET' && request.url === '/demo/state') return describe(backends, readAdmin);
  return { status: 404, body: { error: 'expected GET /demo/state or POST /demo/backends/:id/kill or …/stop' } };
}

function endBackend(backends, { id, how }, request) {
  // A page of another site cannot set this header without asking first, and nobody here answers such a question.
  if (request.headers['x-demo'] !== 'yes') return { status: 403, body: { error: 'expected the header X-Demo: yes' } };
  const backend = backends.find((candidate) => candidate.id === id);
  if (backend === undefined) return { status: 404, body: { error: `no backend ${id}` } };
  return backend.end(how === 'kill' ? 'SIGKILL' : 'SIGTERM')
    ? { status: 202, body: { ended: id } }
    : { status: 409, body: { error: `backend ${id} does not run` } };
}

async function describe(backends, readAdmin) {
  const processes = backends.map((backend) => backend.describe());
  try {
    return { status: 200, body: { processes, balancer: await readAdmin('/v1/backends') } };
  } catch (error) {
    return { status: 200, body: { processes, balancer: null, error: error.message } };
  }
}

function reply(response, status, body) {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(`${JSON.stringify(body)}\n`);
}
