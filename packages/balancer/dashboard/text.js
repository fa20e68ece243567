/** Numbers as people read them. */
'use strict';

function count(value) {
  return value < 10 && !Number.isInteger(value) ? value.toFixed(1) : Math.round(value).toLocaleString('en');
}

function bytes(value) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = value < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(value) / 10));
  return `${count(value / 1024 ** power)} ${units[power]}`;
}

function millis(value) {
  return typeof value === 'number' ? `${value < 10 ? value.toFixed(1) : Math.round(value)} ms` : '–';
}

/** The two largest units. */
function duration(ms) {
  let seconds = Math.floor(ms / 1000);
  const parts = [];
  for (const [unit, size] of [
    ['d', 86_400],
    ['h', 3600],
    ['m', 60],
  ]) {
    if (seconds >= size || parts.length > 0) parts.push(`${Math.floor(seconds / size)}${unit}`);
    seconds %= size;
  }
  return [...parts, `${seconds}s`].slice(0, 2).join(' ');
}
