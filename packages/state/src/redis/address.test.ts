import { describe, expect, it } from 'vitest';
import { parseRedisUrl } from './address.js';

const open = { username: undefined, password: undefined, isTls: false };
const single = { kind: 'single', port: 6379, db: 0, ...open };
const sentinel = { kind: 'sentinel', masterName: 'main', db: 0, ...open };
const cluster = { kind: 'cluster', ...open };
const h = { host: 'h', port: 6379 };

describe('parseRedisUrl', () => {
  it.each([
    ['redis://h', { ...single, host: 'h', label: 'h:6379' }],
    ['redis://h:1/', { ...single, host: 'h', port: 1, label: 'h:1' }],
    ['redis://[::1]:1/15', { ...single, host: '::1', port: 1, db: 15, label: '[::1]:1' }],
    ['rediss://u:p%40ss@h', { ...single, host: 'h', username: 'u', password: 'p@ss', isTls: true, label: 'h:6379' }],
    ['redis://:secret@h', { ...single, host: 'h', password: 'secret', label: 'h:6379' }],
    ['REDIS://h', { ...single, host: 'h', label: 'h:6379' }],
  ])('reads one server: %s', (url, expected) => {
    expect(parseRedisUrl(url)).toEqual(expected);
  });

  it.each([
    [
      'redis+sentinel://h/main',
      { ...sentinel, sentinels: [{ host: 'h', port: 26_379 }], label: 'main of the sentinels h:26379' },
    ],
    [
      'redis+sentinel://:p@a:1,[::1]:2,c/main/3',
      {
        ...sentinel,
        db: 3,
        password: 'p',
        label: 'main of the sentinels a:1,[::1]:2,c:26379',
        sentinels: [
          { host: 'a', port: 1 },
          { host: '::1', port: 2 },
          { host: 'c', port: 26_379 },
        ],
      },
    ],
    [
      'rediss+sentinel://h/main/',
      {
        ...sentinel,
        isTls: true,
        label: 'main of the sentinels h:26379',
        sentinels: [{ host: 'h', port: 26_379 }],
      },
    ],
  ])('reads a master behind sentinels: %s', (url, expected) => {
    expect(parseRedisUrl(url)).toEqual(expected);
  });

  it.each([
    ['redis+cluster://h', { ...cluster, seeds: [h], label: 'the cluster of h:6379' }],
    [
      'rediss+cluster://u:p@h,i:7/',
      {
        ...cluster,
        username: 'u',
        password: 'p',
        isTls: true,
        label: 'the cluster of h:6379,i:7',
        seeds: [h, { host: 'i', port: 7 }],
      },
    ],
  ])('reads a cluster: %s', (url, expected) => {
    expect(parseRedisUrl(url)).toEqual(expected);
  });

  it.each([
    ['http://h', 'the scheme http://'],
    ['redis+proxy://h:1', 'the scheme redis+proxy://'],
    ['h:6379', 'not a URL'],
    ['', 'not a URL'],
    ['redis://', 'no host'],
    ['redis://h:0', 'port 0'],
    ['redis://h:99999', 'port 99999'],
    ['redis://h:x', 'not a host with a port'],
    ['redis://[::1', 'not a host with a port'],
    ['redis://a,b', 'several hosts'],
    ['redis://:p@ss@h', '%40'],
    ['redis://h/queue', 'the database "queue"'],
    ['redis://h?enableOfflineQueue=true', 'behind "?"'],
    ['redis://:100%@h', '%25'],
    ['redis+sentinel://h', 'no name of a master'],
    ['redis+sentinel://h/ma in', 'the master name "ma in"'],
    ['redis+sentinel://h/main/x', 'the database "x"'],
    ['redis+sentinel://h/main/1/2', 'behind the database'],
    ['redis+sentinel://a,,b/main', 'an empty host'],
    ['redis+cluster://h/1', 'a Cluster has no databases'],
    [`redis+cluster://${Array.from({ length: 65 }, () => 'h').join()}`, '65 hosts'],
  ])('refuses %s and says why', (url, why) => {
    expect(() => parseRedisUrl(url)).toThrow(
      expect.objectContaining({ code: 'STATE_CONFIG', message: expect.stringContaining(why) }),
    );
  });

  it('says which form it expected', () => {
    expect(() => parseRedisUrl('redis+sentinel://h')).toThrow(
      'state url: expected redis+sentinel://[user:password@]host',
    );
    expect(() => parseRedisUrl('redis+cluster://')).toThrow('state url: expected redis+cluster://[user:password@]host');
    expect(() => parseRedisUrl('x://h')).toThrow(/expected redis:.* or redis\+sentinel:.* or redis\+cluster:/);
  });

  it.each([
    'redis://:hunter2@h:x',
    'redis://:hunter2@h/db',
    'redis://:hunter2%@h',
    'redis://:x@hunter2@h',
    'redis+sentinel://u:hunter2@h',
    'x://:hunter2@h',
  ])('never repeats the password of %s', (url) => {
    expect(() => parseRedisUrl(url)).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('hunter2') }),
    );
  });
});
