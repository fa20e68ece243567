/**
 * The session panel of the page: a chat and a counter over Holdfast's client SDK. It counts what an application would
 * notice: answers that are missing, that come twice, and connections that drop.
 */
import { connect } from './client.min.js';
import { Network } from './topic-room.mjs';

const COUNT_EVERY_MS = 250;

/** `tools`: byId, setBadge, addLine, onSubmit of the page. Answers the session, and the network that it is on. */
export function runSessionChat({ byId, setBadge, addLine, onSubmit }) {
  const seen = { sent: 0, answered: 0, wrong: 0, rehomed: 0, resumed: 0 };
  const network = new Network();
  const url = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/session`;
  const session = connect(url, { webSocket: network.webSocket });
  const show = () => {
    byId('session-count').textContent = `${seen.answered} of ${seen.sent}, ${seen.wrong} lost or repeated`;
    byId('session-moves').textContent = `${seen.rehomed} × other backend, ${seen.resumed} × resumed`;
  };
  const answers = {
    hello: ({ backend, pid, cause }) => {
      byId('session-backend').textContent = `${backend} (pid ${pid})`;
      byId('session-id').textContent = session.id;
      addLine('events', `Session at backend ${backend}, pid ${pid}: ${cause}`);
    },
    count: ({ n }) => {
      if (n !== seen.answered + 1) seen.wrong += 1;
      seen.answered = n;
      show();
    },
    said: ({ said }) => addLine('session-lines', `${said.from} (on ${said.backend}): ${said.text}`),
  };
  session.addEventListener('message', ({ data }) => {
    const message = JSON.parse(data);
    answers[message.kind]?.(message);
  });
  session.addEventListener('statechange', ({ state }) => {
    setBadge('session-state', state, state === 'open' ? 'good' : 'wait');
    if (state === 'suspended') addLine('events', 'Session suspended: its connection is gone, it comes back by itself');
  });
  session.addEventListener('rehomed', ({ cause }) => {
    seen.rehomed += 1;
    addLine('events', `Session moved to another backend (${cause}); its connection stayed`);
    show();
  });
  session.addEventListener('resumed', () => {
    seen.resumed += 1;
    addLine('events', 'Session resumed on a new connection');
    show();
  });
  session.addEventListener('reset', () => {
    addLine('events', 'Session lost: a new one began');
    Object.assign(seen, { sent: 0, answered: 0 });
  });
  setInterval(() => {
    if (session.send(JSON.stringify({ kind: 'count', n: seen.sent + 1 }))) seen.sent += 1;
    show();
  }, COUNT_EVERY_MS);
  onSubmit('session', (text) => session.send(JSON.stringify({ kind: 'say', text })));
  return { session, network };
}
