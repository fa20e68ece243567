import { describeSharedStateContract } from '../contract.js';
import { createEmbeddedState, type StateCall } from './client.js';
import { handleCall } from './server.js';
import { EmbeddedStore } from './store.js';

/** A process border without a process: what crosses it is cloned, and errors keep only their message. */
function callAcrossBorder(store: EmbeddedStore): StateCall {
  return async (method, args) => {
    const arrived = structuredClone({ method, args });
    await new Promise((resolve) => setImmediate(resolve));
    try {
      return structuredClone(handleCall(store, arrived.method, arrived.args));
    } catch (error) {
      return Promise.reject(new Error((error as Error).message));
    }
  };
}

describeSharedStateContract('embedded', async () => {
  const store = new EmbeddedStore();
  return {
    connect: async () => createEmbeddedState({ call: callAcrossBorder(store) }),
    [Symbol.asyncDispose]: async () => store.close(),
  };
});
