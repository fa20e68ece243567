/**
 * RST, from either side, in every phase of a connection. Proxies in Node die of one unhandled ECONNRESET: here
 * thousands of them may cost neither a process nor a descriptor nor a count. HOLDFAST_RESETS sets how many.
 */
import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keyOf, type ScriptedPeer, startScriptedPeer } from '../support/backends/scripted-peer.js';
import { eventually } from '../support/eventually.js';
import { encodeClose, encodeFrame, Opcode } from '../support/frames.js';
import { openConnections } from '../support/gauges.js';
import { type Holdfast, startHoldfast } from '../support/holdfast.js';
import { fetchFrom } from '../support/http-client.js';
import { countDescriptors, isRunning } from '../support/process-facts.js';
import { seededRandom } from '../support/random.js';
import { connectRaw, handshake, type RawClient, requestHead } from '../support/raw-client.js';
import { switchingProtocols } from '../support/websocket-accept.js';

const TOTAL = Number(process.env['HOLDFAST_RESETS'] ?? 10_000);
const PARALLEL = 20;
const MS_PER_RESET = 60;

/** What the backend does is in the path: the client chooses a pair of behaviours for each connection. */
function backendScript(head: string, socket: Socket): string | Buffer | void {
  const [, path = ''] = / \/(\S*) /.exec(head) ?? [];
  const accept = switchingProtocols(keyOf(head));
  const half = encodeFrame({ opcode: Opcode.text, payload: 'x'.repeat(100), mask: false }).subarray(0, 50);
  switch (path) {
    case 'before-answer':
      return void socket.resetAndDestroy();
    case 'mid-answer':
      return void socket.write(accept.slice(0, 40), () => socket.resetAndDestroy());
    case 'after-101':
      return void socket.write(accept, () => socket.resetAndDestroy());
    case 'mid-message':
      return void socket.write(Buffer.concat([Buffer.from(accept), half]), () => socket.resetAndDestroy());
    case 'while-closing':
      return void socket.write(Buffer.concat([Buffer.from(accept), encodeClose(1000, '', false)]), () =>
        socket.resetAndDestroy(),
      );
    case 'after-refusal':
      return void socket.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno', () => {
        // A moment later: with the answer still unread, the reset would be all that arrives.
        setTimeout(() => socket.resetAndDestroy(), 2);
      });
    case 'mid-body':
      return void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf', () => socket.resetAndDestroy());
    case 'silent':
      return undefined;
    case 'http':
      return 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
    default:
      return accept;
  }
}

type Deed = (client: RawClient) => Promise<void>;

const get = (path: string): string => requestHead(`GET ${path} HTTP/1.1`, ['Host: x']);

/** Each ends with a reset, by the client or by the backend that the path names. */
const DEEDS: Readonly<Record<string, Deed>> = {
  'client, before it says anything': async (client) => client.reset(),
  'client, in the middle of the head': async (client) => {
    client.write(handshake().slice(0, 60));
    client.reset();
  },
  'client, right after the head': async (client) => {
    client.write(handshake({ path: '/ok' }));
    client.reset();
  },
  'client, while the backend thinks': async (client) => {
    client.write(handshake({ path: '/silent' }));
    await new Promise((resolve) => setImmediate(resolve));
    client.reset();
  },
  'client, after 101': async (client) => {
    await opened(client, '/ok');
    client.reset();
  },
  'client, in the middle of a message': async (client) => {
    await opened(client, '/ok');
    client.write(encodeFrame({ opcode: Opcode.text, payload: 'x'.repeat(100) }).subarray(0, 50));
    client.reset();
  },
  'client, while closing': async (client) => {
    await opened(client, '/ok');
    client.write(encodeClose(1000, 'bye'));
    client.reset();
  },
  'client, in the middle of an upload': async (client) => {
    client.write(`${requestHead('POST /http HTTP/1.1', ['Host: x', 'Content-Length: 1000'])}half`);
    client.reset();
  },
  'client, while waiting for a response': async (client) => {
    client.write(get('/silent'));
    client.reset();
  },
  'backend, instead of an answer': (client) => ended(client, handshake({ path: '/before-answer' })),
  'backend, in the middle of its answer': (client) => ended(client, handshake({ path: '/mid-answer' })),
  'backend, after a refusal': (client) => ended(client, handshake({ path: '/after-refusal' })),
  'backend, after 101': (client) => ended(client, handshake({ path: '/after-101' })),
  'backend, in the middle of a message': (client) => ended(client, handshake({ path: '/mid-message' })),
  'backend, while closing': (client) => ended(client, handshake({ path: '/while-closing' })),
  'backend, instead of a response': (client) => ended(client, get('/before-answer')),
  'backend, in the middle of a body': (client) => ended(client, get('/mid-body')),
  'both at once': async (client) => {
    client.write(handshake({ path: '/after-101' }));
    await new Promise((resolve) => setImmediate(resolve));
    client.reset();
  },
};

describe(`${TOTAL} resets`, () => {
  let backend: ScriptedPeer;
  let holdfast: Holdfast;

  beforeAll(async () => {
    backend = await startScriptedPeer(backendScript);
    const pool = { backends: [backend.url], health: false, outlier: false, retries: 0 };
    holdfast = await startHoldfast({
      workers: 2,
      logs: { level: 'info', access: false },
      routes: [{ match: { path: '/' }, pool: 'app' }],
      pools: { app: pool },
    });
  });

  afterAll(async () => {
    await holdfast?.[Symbol.asyncDispose]();
    await backend?.[Symbol.asyncDispose]();
  });

  it(
    'cost no process, no descriptor and no count',
    async () => {
      const random = seededRandom('resets');
      const names = Object.keys(DEEDS);
      const run = async (count: number): Promise<void> => {
        for (let done = 0; done < count; done += PARALLEL) {
          await Promise.all(Array.from({ length: PARALLEL }, () => once(holdfast, DEEDS[random.pick(names)]!)));
        }
      };
      // The first ones load what is loaded lazily, and open pooled connections: they count as warm-up.
      for (const name of names) await once(holdfast, DEEDS[name]!);
      await settled(holdfast, backend);
      const pids = holdfast.workerPids();
      const descriptors = pids.map(countDescriptors);

      await run(TOTAL);

      await settled(holdfast, backend);
      expect(holdfast.workerPids()).toEqual(pids);
      expect(pids.every(isRunning)).toBe(true);
      // A pooled connection more or less to the backend is no leak.
      await eventually(() => {
        for (const [i, pid] of pids.entries()) expect(countDescriptors(pid)).toBeLessThanOrEqual(descriptors[i]! + 5);
      });
      expect(await fetchFrom(holdfast.url('/http'))).toMatchObject({ status: 200, body: 'ok' });
      expect(holdfast.log.all((line) => line['level'] === 'error' || line['level'] === 'fatal')).toEqual([]);
    },
    60_000 + TOTAL * MS_PER_RESET,
  );
});

async function once(holdfast: Holdfast, deed: Deed): Promise<void> {
  const client = await connectRaw(holdfast);
  try {
    await deed(client);
  } finally {
    client.reset();
  }
}

async function opened(client: RawClient, path: string): Promise<void> {
  client.write(handshake({ path }));
  await client.head();
}

async function ended(client: RawClient, bytes: string): Promise<void> {
  client.write(bytes);
  // An answer of Holdfast's own keeps the connection: one of the two has to come.
  await eventually(() => expect(client.hasEnded || client.received !== '').toBe(true), {
    withinMs: 10_000,
    everyMs: 2,
  });
}

/** Nothing is open any more: in the balancer's own view, and at the backend but for pooled connections. */
async function settled(holdfast: Holdfast, backend: ScriptedPeer): Promise<void> {
  await eventually(async () => expect(await openConnections(holdfast)).toBe(0), { withinMs: 20_000 });
  await eventually(() => expect(backend.sockets.size).toBeLessThanOrEqual(10), { withinMs: 20_000 });
}
