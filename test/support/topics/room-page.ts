/**
 * A page in a room, as an application's would be: it says a numbered line every 150 ms, shows what everybody says and who is there, and
 * checks that it misses nothing and sees nothing twice. `stats()` is what it saw.
 */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { type Listening, listen } from '../backends/listening.js';

const CLIENT = fileURLToPath(new URL('../../../packages/client/dist/client.min.js', import.meta.url));

export interface RoomStats {
  readonly state: string;
  readonly id: string;
  /** Lines that it said, and those that were taken. */
  readonly said: number;
  readonly taken: number;
  /** Last line of each speaker. */
  readonly heard: Readonly<Record<string, number>>;
  /** Ids. */
  readonly present: readonly string[];
  readonly recovered: readonly boolean[];
  readonly violations: readonly string[];
}

/** Serves the page at `/`; `?urls=a,b&room=…&name=…`. */
export async function serveRoom(): Promise<Listening> {
  const server = createServer((request, response) => {
    if (request.url?.startsWith('/client.min.js') !== true) {
      response.writeHead(200, { 'content-type': 'text/html' }).end(PAGE);
      return;
    }
    void readFile(CLIENT).then((script) => response.writeHead(200, { 'content-type': 'text/javascript' }).end(script));
  });
  return listen(server);
}

const PAGE = `<!doctype html><meta charset="utf-8"><title>room</title><p id="there"></p><p id="line"></p>
<script type="module">
import { connect } from '/client.min.js';
const query = new URL(location.href).searchParams;
const [room, name] = [query.get('room'), query.get('name')];
const session = connect(query.get('urls').split(','));
const seen = { said: 0, taken: 0, heard: {}, recovered: [], violations: [] };
const present = new Set();
const subscription = session.subscribe(room, { presence: true });
const refresh = async () => {
  const { members } = await subscription.presence();
  present.clear();
  for (const { id } of members) present.add(id);
};
subscription.addEventListener('subscribed', ({ recovered }) => {
  seen.recovered.push(recovered);
  refresh().catch(() => undefined);
});
subscription.addEventListener('presence', ({ event, member }) => {
  if (event === 'leave') present.delete(member.id);
  else present.add(member.id);
  document.getElementById('there').textContent = [...present].join(' ');
});
let lastOffset;
subscription.addEventListener('message', ({ data, offset }) => {
  const [speaker, text] = data.split(' ');
  const n = Number(text);
  const last = seen.heard[speaker] ?? n - 1;
  // A line that was said again, since nobody answered, may come twice. A line that is missing may not be.
  if (n > last + 1) seen.violations.push('expected ' + speaker + ' ' + (last + 1) + ', got ' + n);
  if (lastOffset !== undefined && offset !== lastOffset + 1) seen.violations.push('offset ' + offset + ' after ' + lastOffset);
  lastOffset = offset;
  seen.heard[speaker] = n;
  document.getElementById('line').textContent = data;
});
let isSpeaking = true;
const speak = async () => {
  while (isSpeaking || seen.taken < seen.said) {
    const n = seen.taken + 1;
    seen.said = n;
    try {
      await subscription.publish(name + ' ' + n);
      seen.taken = n;
    } catch { /* It was offline: the same line again. */ }
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
};
speak();
window.leave = () => subscription.unsubscribe();
window.stats = () => ({ state: session.state, id: session.id, ...seen, present: [...present].sort() });
window.stopSpeaking = () => { isSpeaking = false; };
</script>`;
