import type { Suite } from 'mocha';
import type { SessionUpdate } from '../../server/protocol/sessionEvents.ts';
import { openConversation, type ConversationOptions } from './panelConversation.ts';
import { WebviewHarness, type OpenView, type ViewName, type ViewOptions } from './webviewHarness.ts';

/** What a test opens views with; they are closed after it, and none of them may have reported an error. */
export interface WebviewSuite {
  readonly open: (view: ViewName, options?: ViewOptions) => Promise<OpenView>;
  /** The panel with a conversation of these updates. */
  readonly openConversation: (updates: readonly SessionUpdate[], options?: ConversationOptions) => Promise<OpenView>;
}

/** Makes a suite one whose tests look at views. */
export function webviewSuite(suite: Suite): WebviewSuite {
  let harness: WebviewHarness;
  suite.timeout(60_000);
  suite.beforeAll(async () => {
    harness = await WebviewHarness.start();
  });
  suite.afterEach(() => harness.closeViews());
  suite.afterAll(() => harness.dispose());
  return {
    open: (view, options) => harness.open(view, options),
    openConversation: (updates, options) => openConversation(harness, updates, options),
  };
}
