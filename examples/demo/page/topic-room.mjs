/**
 * The room panel of the page: a topic with history and presence. It checks what a topic promises: every message once, in order,
 * over any number of connections. The network is cut where a page can: its WebSocket ends, and no other one opens for a while.
 */
const ROOM = 'room:demo';
const CUT_MS = 6000;
const SHOWN_HISTORY = 5;

/** A network with a switch, for `connect`. */
export class Network {
  #isCut = false;
  #socket;

  get webSocket() {
    const open = (...args) => this.#open(...args);
    return function DemoWebSocket(...args) {
      return open(...args);
    };
  }

  cut(forMs) {
    this.#isCut = true;
    this.#socket?.close();
    setTimeout(() => (this.#isCut = false), forMs);
  }

  #open(url, protocols) {
    // Nothing listens on port 9, and the browser says so at once.
    this.#socket = new WebSocket(this.#isCut ? 'ws://127.0.0.1:9/' : url, protocols);
    return this.#socket;
  }
}

/** `tools`: byId, setBadge, addLine, onSubmit, make of the page; `session` and its `network`. */
export function runRoom({ session, network }, tools) {
  const room = session.subscribe(ROOM, { presence: true });
  room.addEventListener('error', ({ error }) => tools.addLine('events', `Room: ${error.message}`));
  showMessages(room, tools);
  showMembers({ room, session }, tools);
  serveControls({ room, session, network }, tools);
}

function showMessages(room, { byId, setBadge, addLine }) {
  const seen = { messages: 0, missed: 0, repeated: 0, recovered: 0, lost: 0, last: undefined };
  const show = () => {
    byId('room-count').textContent = `${seen.messages}, ${seen.missed} missed, ${seen.repeated} repeated`;
    byId('room-recovered').textContent = `${seen.recovered} × recovered, ${seen.lost} × not`;
    byId('room-offset').textContent = String(room.position?.offset ?? '–');
  };
  room.addEventListener('subscribed', ({ recovered, offset }) => {
    setBadge('room-state', 'live', 'good');
    if (seen.last === undefined) void showHistory(room, addLine);
    else {
      seen[recovered ? 'recovered' : 'lost'] += 1;
      addLine('events', `Room: back, ${recovered ? 'with all that was said meanwhile' : 'and something is missing'}`);
    }
    if (!recovered) seen.last = offset;
    show();
  });
  room.addEventListener('message', ({ data, offset }) => {
    seen.messages += 1;
    if (offset <= seen.last) seen.repeated += 1;
    else seen.missed += offset - seen.last - 1;
    seen.last = offset;
    addLine('room-lines', lineOf(data));
    show();
  });
}

function showMembers({ room, session }, { byId, addLine, make }) {
  const members = new Map();
  const show = () => {
    const name = ({ id, info }) => `${info?.name ?? id}${id === session.id ? ' (you)' : ''}`;
    byId('room-members').replaceChildren(
      ...[...members.values()].map((member) => make('li', 'badge good', name(member))),
    );
  };
  room.addEventListener('subscribed', async () => {
    // Its connection is gone again: the next `subscribed` asks again.
    const list = await room.presence().catch(() => undefined);
    if (list === undefined) return;
    members.clear();
    for (const member of list.members) members.set(member.id, member);
    show();
  });
  room.addEventListener('presence', ({ event, member }) => {
    if (event === 'join') members.set(member.id, member);
    else members.delete(member.id);
    addLine('events', `Room: ${member.info?.name ?? member.id} ${event === 'join' ? 'came' : 'left'}`);
    show();
  });
}

function serveControls({ room, session, network }, { byId, setBadge, addLine, onSubmit }) {
  session.addEventListener('statechange', ({ state }) => {
    if (state !== 'open') setBadge('room-state', 'cut off', 'bad');
  });
  onSubmit('room', (text) => {
    room.publish(JSON.stringify({ from: nameOf(session), text })).catch((error) => addLine('events', error.message));
    return true;
  });
  byId('room-cut').onclick = () => {
    addLine('events', `You cut this page's network for ${CUT_MS / 1000} s; the others in the room do not notice`);
    byId('room-cut').disabled = true;
    network.cut(CUT_MS);
    setTimeout(() => (byId('room-cut').disabled = false), CUT_MS);
  };
}

async function showHistory(room, addLine) {
  const came = room.position.offset;
  const { messages } = await room
    .history({ since: came + 1, limit: SHOWN_HISTORY, reverse: true })
    .catch(() => ({ messages: [] }));
  for (const { data } of messages.toReversed()) addLine('room-lines', `${lineOf(data)} (before you came)`);
}

/** Anybody in the room may have said it. */
function lineOf(data) {
  try {
    const { from, text } = JSON.parse(data);
    return `${from}: ${text}`;
  } catch {
    return String(data);
  }
}

/** As its backend calls it: session-chat.mjs. */
function nameOf({ id }) {
  return id.slice(0, 4);
}
