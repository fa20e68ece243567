import { describeSharedStateContract } from '../contract.js';
import { createEmbeddedState } from './client.js';
import { EmbeddedStore } from './store.js';
import { linkTo } from './testing/link.js';

describeSharedStateContract('embedded', async () => {
  const store = new EmbeddedStore();
  return {
    connect: async () => createEmbeddedState(linkTo(store)),
    [Symbol.asyncDispose]: async () => store.close(),
  };
});
