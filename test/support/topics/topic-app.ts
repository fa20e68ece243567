/**
 * An application on topics, in the test's own process: clients tell it in messages what to do with them (`join room:1`,
 * `leave room:1`), and it decides what else they may hear. `asked` is what it was asked to decide.
 */
import { type Backend, type BackendSession, createBackend } from '@holdfast/backend';
import { SECRET } from '../holdfast.js';

export interface TopicApp extends AsyncDisposable {
  readonly url: string;
  readonly backend: Backend;
  /** By id; only those that this process has. */
  readonly sessions: ReadonlyMap<string, BackendSession>;
  /** `subscribe room:1`, in the order of the questions. */
  readonly asked: readonly string[];
}

/** Topics that begin like this are not for clients. */
export const FORBIDDEN = 'secret:';

export async function startTopicApp(): Promise<TopicApp> {
  const backend = createBackend({ secret: SECRET });
  const sessions = new Map<string, BackendSession>();
  const asked: string[] = [];
  backend.authorize(({ topic, action }) => {
    asked.push(`${action} ${topic}`);
    return topic.startsWith(FORBIDDEN) ? false : { info: { role: 'guest' } };
  });
  backend.on('session', (session) => {
    sessions.set(session.id, session);
    session.on('close', () => sessions.delete(session.id));
    session.on('message', (data) => {
      const [order, topic = '', name] = String(data).split(' ');
      if (order === 'join') session.join(topic, name === undefined ? {} : { info: { name } });
      if (order === 'leave') session.leave(topic);
    });
  });
  const { port } = await backend.listen(0, '127.0.0.1');
  return {
    url: `http://127.0.0.1:${port}`,
    backend,
    sessions,
    asked,
    [Symbol.asyncDispose]: () => backend.close(),
  };
}
