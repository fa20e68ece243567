/**
 * Runs the `holdfast` binary in this process and stops it when the process that started it is gone, however
 * that ended: the binary by itself, rightly, outlives its parent. The channel is kept from holding the process.
 */
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
process.channel?.unref();

await import(new URL('./bin/holdfast.js', import.meta.resolve('@holdfast/balancer')));
