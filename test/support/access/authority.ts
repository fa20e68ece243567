/** A service that is asked who may come in: what it was asked is kept, and a test says what it answers. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type Listening, listen } from '../backends/listening.js';

export interface Authority extends Listening {
  readonly asked: readonly IncomingMessage[];
  /** undefined: never. */
  answer: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;
}

export async function startAuthority(answer: Authority['answer']): Promise<Authority> {
  const asked: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    asked.push(request);
    authority.answer?.(request, response);
  });
  const authority: Authority = Object.assign(await listen(server), { asked, answer });
  return authority;
}
