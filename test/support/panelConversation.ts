import type { SessionUpdate } from '../../server/protocol/sessionEvents.ts';
import { attached, eventsOf, sessionId, withModels } from './conversationScript.ts';
import type { ScriptedHost } from './scriptedHost.ts';
import type { OpenView, ViewOptions, WebviewHarness } from './webviewHarness.ts';

export interface ConversationOptions extends ViewOptions {
  /** Whether a turn is under way. */
  readonly running?: boolean;
}

/** The panel with a conversation of these updates. */
export function openConversation(
  harness: WebviewHarness,
  updates: readonly SessionUpdate[],
  options: ConversationOptions = {},
): Promise<OpenView> {
  return harness.open('agentPanel', {
    state: { sessionId, draft: '', chosenModel: null },
    ...options,
    prepare: (host) => {
      withModels(host).answer('session/attach', () =>
        attached(eventsOf(updates), { running: options.running ?? false }),
      );
      options.prepare?.(host);
    },
  });
}

/** What comes after the updates with which the panel was opened. */
export async function sendUpdates(
  host: ScriptedHost,
  updates: readonly SessionUpdate[],
  firstSequence: number,
): Promise<void> {
  for (const event of eventsOf(updates, firstSequence)) await host.notify('session/update', { sessionId, ...event });
}

export const composer = ({ page }: OpenView) => page.getByLabel('Message to the agent');
