import { CodedError } from '../../protocol/errors.ts';
import type { Client } from '../base/handlers.ts';
import { guestTokenOf } from '../base/guests.ts';
import type { Conversation } from './conversation.ts';

/** Of the conversations that may be open guests keep no more than half. */
const limits = { ofGuest: 8, ofGuests: 16 } as const;

/**
 * Throws `ResourceLimit` where `client` is a guest's, and it, or all guests together, keep as many of the `open`
 * conversations from being closed as they may. Nothing may be awaited between this and what keeps one more.
 */
export function refuseToKeepMore(
  client: Client,
  wanted: Pick<Conversation, 'guests'>,
  open: readonly Pick<Conversation, 'guests'>[],
): void {
  const token = guestTokenOf(client);
  if (token === undefined || wanted.guests.has(token)) return;
  const kept = open.flatMap(({ guests }) => [...guests]);
  if (kept.filter((other) => other === token).length >= limits.ofGuest) {
    throw refusal('The clients of this token watch, or work in,', limits.ofGuest);
  }
  if (kept.length >= limits.ofGuests) {
    throw refusal('The clients of all tokens made for others together watch, or work in,', limits.ofGuests);
  }
}

function refusal(who: string, max: number): CodedError {
  const message = `${who} ${max} conversations, and may no more. Detach from one first.`;
  return new CodedError('ResourceLimit', message, { args: { max } });
}
