/**
 * The session half of a demo backend: a chat, a counter and a room (a topic) on the backend SDK. Its clients are sessions, so this process may be
 * ended or killed and nobody is disconnected: another backend goes on with them.
 */
import { createBackend } from '@holdfast/backend';

const MAX_LINE_CHARACTERS = 500;
const ROOM = 'room:demo';
/** The room is never silent, so that there is something to miss. */
const SPEAK_EVERY_MS = 3000;

/** Answers `{ hear(said) }`: shows a line that was said at the other backend. `onSaid` is told of those said here. */
export function serveSessionChat({ server, secret, name, onSaid }) {
  const backend = createBackend({ secret });
  const hear = (said) => {
    for (const session of backend.sessions) session.send(JSON.stringify({ kind: 'said', said }));
  };
  // Who may, and what the others in the room are told of it.
  backend.authorize(({ topic, sessionId }) => topic === ROOM && { info: { name: sessionId.slice(0, 4) } });
  const speak = () =>
    // It is said again in a moment, whatever is wrong now.
    backend.publish(ROOM, JSON.stringify({ from: `backend ${name}`, text: 'still here' })).catch(() => undefined);
  setInterval(speak, SPEAK_EVERY_MS).unref();
  backend.on('session', (session, { cause }) => {
    session.send(JSON.stringify({ kind: 'hello', backend: name, pid: process.pid, cause }));
    session.on('message', (data) => {
      const message = JSON.parse(String(data));
      if (message.kind === 'count') session.send(JSON.stringify({ kind: 'count', n: message.n }));
      if (message.kind !== 'say') return;
      const text = String(message.text).slice(0, MAX_LINE_CHARACTERS);
      const said = { text, backend: name, from: session.id.slice(0, 4) };
      hear(said);
      onSaid(said);
    });
  });
  backend.on('error', (error) => process.stderr.write(`backend ${name}: ${error.message}\n`));
  backend.attach(server);
  return { hear, drain: () => backend.drain() };
}
