import type { Suite } from 'mocha';
import type { PtyHostClient } from '../../server/src/terminals/hostClient/ptyHostClient.ts';
import { PtyHostWorld } from './ptyHostWorld.ts';

/** A pty host of the suite's own, and its first client. */
export interface PtyHostSuite {
  readonly world: PtyHostWorld;
  readonly client: PtyHostClient;
}

/** Gives a suite a pty host; what a test leaves running is closed after it. */
export function ptyHostSuite(suite: Suite): PtyHostSuite {
  let world: PtyHostWorld;
  let client: PtyHostClient;
  suite.beforeAll(async () => {
    world = await PtyHostWorld.open();
    client = await world.client();
  });
  suite.afterEach(async () => {
    for (const { sessionId } of await client.list()) await client.close(sessionId);
  });
  suite.afterAll(() => world.close());
  return {
    get world() {
      return world;
    },
    get client() {
      return client;
    },
  };
}
