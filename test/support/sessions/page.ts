/**
 * A page that holds a session, as an application's would: it loads the one-file build of the client SDK, sends a numbered message
 * every 20 ms and checks every answer. `stats()` is what it saw.
 */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { type Listening, listen } from '../backends/listening.js';

const CLIENT = fileURLToPath(new URL('../../../packages/client/dist/client.min.js', import.meta.url));

export interface PageStats {
  readonly state: string;
  readonly sent: number;
  readonly echoed: number;
  readonly violations: readonly string[];
  readonly events: readonly string[];
}

/** Serves the page at `/`; the balancers' URLs are given as `?urls=a,b`. */
export async function servePage(): Promise<Listening> {
  const server = createServer((request, response) => {
    if (request.url?.startsWith('/client.min.js') !== true) {
      response.writeHead(200, { 'content-type': 'text/html' }).end(PAGE);
      return;
    }
    void readFile(CLIENT).then((script) => response.writeHead(200, { 'content-type': 'text/javascript' }).end(script));
  });
  return listen(server);
}

const PAGE = `<!doctype html><meta charset="utf-8"><title>session</title><p id="line"></p>
<script type="module">
import { connect } from '/client.min.js';
const urls = new URL(location.href).searchParams.get('urls').split(',');
const seen = { sent: 0, echoed: 0, violations: [], events: [] };
const runs = new Map();
const session = connect(urls);
session.addEventListener('message', ({ data }) => {
  const [kind, first, second] = data.split(' ');
  if (kind === 'e') {
    if (Number(first) !== seen.echoed + 1) seen.violations.push('expected answer ' + (seen.echoed + 1) + ', got ' + first);
    seen.echoed = Number(first);
  } else {
    const last = runs.get(first) ?? 0;
    if (Number(second) !== last + 1) seen.violations.push('expected push ' + (last + 1) + ' of ' + first + ', got ' + second);
    runs.set(first, Number(second));
  }
});
for (const type of ['resumed', 'reset', 'rehomed', 'close', 'error']) session.addEventListener(type, () => seen.events.push(type));
session.addEventListener('statechange', ({ state }) => seen.events.push(state));
let isSending = true;
setInterval(() => { if (isSending && session.send('page ' + (seen.sent + 1))) seen.sent += 1; }, 20);
setInterval(() => { document.getElementById('line').textContent = session.state + ' ' + seen.sent + ' ' + seen.echoed; }, 100);
window.stats = () => ({ state: session.state, ...seen });
window.stopSending = () => { isSending = false; };
</script>`;
