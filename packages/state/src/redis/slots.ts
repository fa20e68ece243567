/**
 * Which slot of a Redis Cluster a key is in: CRC16 (XMODEM) of its hash tag, modulo 16,384. ioredis computes it too, but
 * tells nobody; we ask before a command is sent, whether the node that serves the slot is there.
 */
export const SLOTS = 16_384;

/** All our keys have a hash tag: what stands between the first brace and the next closing one. */
export function slotOf(key: string): number {
  const open = key.indexOf('{');
  const close = key.indexOf('}', open + 1);
  const hashed = open === -1 || close === -1 || close === open + 1 ? key : key.slice(open + 1, close);
  return crc16(Buffer.from(hashed)) % SLOTS;
}

const POLYNOMIAL = 0x1021;
const TABLE: Uint16Array = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x8000 ? (crc << 1) ^ POLYNOMIAL : crc << 1;
  return crc;
});

function crc16(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) crc = ((crc << 8) & 0xffff) ^ (TABLE[((crc >> 8) ^ byte) & 0xff] ?? 0);
  return crc;
}
