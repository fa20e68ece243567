import { expect, it } from 'vitest';
import { parseRedisUrl } from './address.js';

const plain = { port: 6379, db: 0, username: undefined, password: undefined, isTls: false };

it.each([
  ['redis://h', { ...plain, host: 'h', label: 'h:6379' }],
  ['redis://h:1/', { ...plain, host: 'h', port: 1, label: 'h:1' }],
  ['redis://[::1]:1/15', { ...plain, host: '::1', port: 1, db: 15, label: '[::1]:1' }],
  ['rediss://u:p%40ss@h', { ...plain, host: 'h', username: 'u', password: 'p@ss', isTls: true, label: 'h:6379' }],
  ['redis://:secret@h', { ...plain, host: 'h', password: 'secret', label: 'h:6379' }],
])('reads %s', (url, expected) => {
  expect(parseRedisUrl(url)).toEqual(expected);
});

it.each([
  ['http://h', 'the scheme http://'],
  ['redis+cluster://h:1', 'the scheme redis+cluster://'],
  ['h:6379', 'the scheme h://'],
  ['', 'not a URL'],
  ['redis://', 'no host'],
  ['redis://h:0', 'port 0'],
  ['redis://h:99999', 'not a URL'],
  ['redis://h/queue', 'the database "queue"'],
  ['redis://h?enableOfflineQueue=true', 'behind "?"'],
  ['redis://:100%@h', '%25'],
])('refuses %s and says why', (url, why) => {
  expect(() => parseRedisUrl(url)).toThrow(
    new RegExp(`^state url: expected redis://.*${why.replace(/[?+]/g, '\\$&')}`),
  );
});

it('never repeats the password', () => {
  for (const url of ['redis://:hunter2@h:x', 'redis://:hunter2@h/db', 'redis://:hunter2%@h', 'x://:hunter2@h']) {
    expect(() => parseRedisUrl(url)).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('hunter2') }),
    );
  }
});
