import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Clock } from './clock.js';
import { SimProcess } from './process.js';
import { installTimers } from './timers.js';

describe('clock of the simulation', () => {
  let clock: Clock;
  let log: string[];
  let restore: () => void;
  const say = (text: string) => () => void log.push(`${clock.nowMs} ${text}`);

  beforeEach(() => {
    log = [];
    clock = new Clock((owner, error) => log.push(`${owner.name} crashed: ${String(error)}`));
    restore = installTimers(clock);
  });
  afterEach(() => restore());

  it('runs timers of its processes in the order in which they are due', async () => {
    clock.schedule(new SimProcess('a', clock), 0, () => {
      setTimeout(say('second'), 20);
      setTimeout(say('first'), 10);
      setImmediate(say('at once'));
    });
    await clock.run(100);
    expect(log).toEqual(['0 at once', '10 first', '20 second']);
    expect(performance.now()).toBe(100);
  });

  it('lets all promises go as far as they can before the next step', async () => {
    const a = new SimProcess('a', clock);
    clock.schedule(a, 5, async () => {
      for (let i = 0; i < 50; i += 1) await Promise.resolve();
      say(`promise of ${clock.current.name}`)();
    });
    clock.schedule(a, 5, say('step'));
    await clock.run(100);
    expect(log).toEqual(['5 promise of a', '5 step']);
  });

  it('keeps what is due in a paused process until it is resumed', async () => {
    const paused = new SimProcess('a', clock);
    clock.schedule(paused, 0, () => void setInterval(say('tick'), 10));
    await clock.run(25);
    paused.pause();
    clock.schedule(clock.nobody, 30, () => paused.resume(false));
    await clock.run(70);
    expect(log).toEqual(['10 tick', '20 tick', '55 tick', '65 tick']);
  });

  it('looks at timers before sockets after a pause when told to', async () => {
    const paused = new SimProcess('a', clock);
    clock.schedule(paused, 0, () => void setTimeout(say('timer'), 20));
    clock.schedule(paused, 10, say('message'));
    await clock.run(5);
    paused.pause();
    await clock.run(50);
    paused.resume(true);
    await clock.run(60);
    expect(log).toEqual(['50 timer', '50 message']);
  });

  it('runs nothing more of a killed process', async () => {
    const killed = new SimProcess('a', clock);
    clock.schedule(killed, 0, () => void setInterval(say('tick'), 10));
    clock.schedule(clock.nobody, 15, () => killed.kill());
    await clock.run(100);
    expect(log).toEqual(['10 tick']);
  });

  it('reports what a process throws as the end of that process', async () => {
    clock.schedule(new SimProcess('a', clock), 0, () => {
      throw new Error('oops');
    });
    await clock.run(1);
    expect(log).toEqual(['a crashed: Error: oops']);
  });

  it('does not run what was cleared', async () => {
    clock.schedule(new SimProcess('a', clock), 0, () => {
      const timer = setTimeout(say('late'), 10);
      setTimeout(() => clearTimeout(timer), 5);
    });
    await clock.run(100);
    expect(log).toEqual([]);
  });
});
