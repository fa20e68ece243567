/**
 * A publisher of the benchmark, told by its parent what to do: `{perSecond, bytes}`. Single messages at even distances: a burst
 * would be written to each client at once, and cost less than it does in life.
 */

/** @param publish is given the payload; the process ends with its parent. */
export function startPace(publish) {
  let timer;
  process.on('message', ({ perSecond, bytes }) => {
    clearInterval(timer);
    if (perSecond === 0) return;
    const payload = 'x'.repeat(bytes);
    timer = setInterval(() => publish(payload), 1000 / perSecond);
  });
  process.on('disconnect', () => process.exit(0));
}
