// Close codes
export {
  ABNORMAL_CLOSURE,
  CloseCode,
  cutCloseReason,
  isWireCloseCode,
  MAX_CLOSE_REASON_BYTES,
  NO_STATUS_RECEIVED,
} from './close-code.js';
