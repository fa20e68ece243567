/**
 * npm runs a script in a shell, and that shell dies of a signal without passing it on: whoever ends `npm start`
 * from outside would leave the script behind. A changed parent is the one sign of it that always comes.
 */
const LOOK_EVERY_MS = 500;

/** Calls `onLost` once, when this process was started by `npm start` and that is gone. */
export function onLostNpm(onLost) {
  if (process.env.npm_lifecycle_event !== 'start') return;
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    onLost();
  }, LOOK_EVERY_MS);
  timer.unref();
}
