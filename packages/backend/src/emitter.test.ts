import { expect, it } from 'vitest';
import { createBackend } from './backend.js';
import type { BackendError } from './errors.js';
import { FakeWorker } from './testing/fake-worker.js';
import { Emitter } from './emitter.js';

interface Events {
  said: readonly [string];
}

function emitter(): { events: Emitter<Events>; heard: string[]; thrown: unknown[] } {
  const thrown: unknown[] = [];
  return { events: new Emitter<Events>((error) => thrown.push(error)), heard: [], thrown };
}

it('tells every listener, in order, and one that was added for once only once', () => {
  const { events, heard } = emitter();
  events.add('said', (text: string) => heard.push(`a ${text}`));
  events.add('said', (text: string) => heard.push(`b ${text}`), true);
  expect(events.emit('said', '1')).toBe(true);
  events.emit('said', '2');
  expect(heard).toEqual(['a 1', 'b 1', 'a 2']);
});

it('goes on with the listeners that it began with', () => {
  const { events, heard } = emitter();
  const late = (text: string): void => void heard.push(`late ${text}`);
  events.add('said', () => events.add('said', late), true);
  events.emit('said', '1');
  expect(heard).toEqual([]);
  events.emit('said', '2');
  events.remove('said', late);
  events.emit('said', '3');
  expect(heard).toEqual(['late 2']);
});

it('tells the others when one throws, or rejects', async () => {
  const { events, heard, thrown } = emitter();
  events.add('said', () => {
    throw new Error('sync');
  });
  events.add('said', () => Promise.reject(new Error('async')));
  events.add('said', (text: string) => heard.push(text));
  expect(events.emit('said', '1')).toBe(false);
  await Promise.resolve();
  expect(heard).toEqual(['1']);
  expect(thrown.map(String)).toEqual(['Error: sync', 'Error: async']);
});

it('a backend throws what its application did wrong and nobody listens for', async () => {
  const backend = createBackend({ secret: 'secret', signals: false });
  const uncaught = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  const thrown = new Promise<BackendError>((resolve) =>
    process.once('uncaughtException', (error) => resolve(error as BackendError)),
  );
  backend.on('session', () => {
    throw new Error('no database');
  });
  const worker = FakeWorker.connect(backend);
  await new Promise(setImmediate);
  worker.open('A'.repeat(22));
  expect(await thrown).toMatchObject({ code: 'BACKEND_LISTENER_FAILED', cause: { message: 'no database' } });
  for (const listener of uncaught) process.on('uncaughtException', listener);
  await backend.close();
});
