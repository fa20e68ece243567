import { expect, it } from 'vitest';
import { judgeDescriptors, needOf, parseLimits } from './descriptors.js';
import { testConfig } from './testing/stage.js';

const TEXT = `Limit                     Soft Limit           Hard Limit           Units
Max processes             96365                96365                processes
Max open files            1024                 unlimited            files
`;

it('reads the limits of a process', () => {
  expect(parseLimits(TEXT)).toEqual({ soft: 1024, hard: Number.POSITIVE_INFINITY });
  expect(parseLimits('nothing of the kind')).toBeUndefined();
});

it('is content with a comfortable limit', () => {
  expect(judgeDescriptors({ soft: 65_536, hard: 65_536 }, { base: 70, perAddress: 0 }, 2)).toBeUndefined();
});

it('says what a low limit allows and how to raise it', () => {
  expect(judgeDescriptors({ soft: 1024, hard: 4096 }, { base: 64, perAddress: 0 }, 2)).toMatchObject({
    expected: 'a soft limit of at least 65536 open files',
    got: 1024,
    connectionsPerWorker: 480,
    connections: 960,
    fix: expect.stringContaining('LimitNOFILE=65536'),
  });
});

it('wants more where one address alone may take more', () => {
  const { worker } = testConfig();
  const limits = {
    messageBytes: 1,
    messagesPerSecond: 0,
    bytesPerSecond: 0,
    messagesPerSecondPerAddress: 0,
    bytesPerSecondPerAddress: 0,
    messagesPerSecondPerPrincipal: 0,
    bytesPerSecondPerPrincipal: 0,
    messagesPerSecondPerRoute: 0,
    bytesPerSecondPerRoute: 0,
    ipv6Prefix: 64,
    connections: 0,
    connectionsPerAddress: 100_000,
    connectionsPerPrincipal: 0,
    newPerSecond: 0,
    newPerSecondPerAddress: 0,
    newPerSecondPerPrincipal: 0,
    idleMs: 1,
    lifetimeMs: 0,
    bufferBytes: 1,
  };
  const route = {
    name: 'web',
    pool: 'web',
    access: { allow: [], deny: [] },
    origins: undefined,
    compression: false,
    auth: undefined,
    limits,
  };
  const match = { host: undefined, path: '/', headers: {}, query: {}, upgrade: undefined };
  const rewrite = { stripPrefix: undefined, replacePrefix: undefined, host: undefined };
  const need = needOf({ ...worker, routes: [{ ...route, match, rewrite }] });
  expect(judgeDescriptors({ soft: 100_000, hard: 100_000 }, need, 1)).toMatchObject({
    expected: expect.stringContaining('200065'),
  });
});
