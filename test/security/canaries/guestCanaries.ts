import { guardsOf, type GuardCanary } from './guardCanary.ts';

const conversations = 'test/integration/agents/guestConversations.test.ts';

/** What holds down what a guest takes of that which all clients share. */
export const guestCanaries: readonly GuardCanary[] = [
  ...guardsOf('server/src/base/guests.ts', 'test/unit/base/guests.test.ts', [
    ["if (own >= ofGuest) throw refusal('ofGuest');", '', 'by token and for all'],
    [
      "if ([...this.taken.values()].reduce((sum, count) => sum + count, 0) >= ofGuests) throw refusal('ofGuests');",
      '',
      'by token and for all',
    ],
    ['return tokenId === mainId ? undefined : tokenId;', 'return tokenId;', 'made for others'],
  ]),
  ...guardsOf('server/src/terminals/terminalViewers.ts', 'test/integration/terminals/guestViewers.test.ts', [
    ['const place = this.guestPlaces.take(client);', 'const place = { dispose: () => undefined };', 'leave room'],
    ["const isCounted = includesScope(client.scope, 'terminal');", 'const isCounted = true;', 'only they watch'],
  ]),
  ...guardsOf('server/src/agents/sessionService.ts', conversations, [
    ["includesScope(client.scope, 'agent') ? 'writing' : 'reading'", "'writing'", 'by another process'],
    ['refuseToKeepMore(client, conversation, this.conversations.all);', '', 'eight at most'],
  ]),
  ...guardsOf('server/src/agents/guestConversations.ts', conversations, [
    ['if (kept.length >= limits.ofGuests) {', 'if (kept.length < 0) {', 'eight at most'],
  ]),
];
