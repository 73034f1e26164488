import { guardsOf, type GuardCanary } from './guardCanary.ts';

const http = 'test/integration/rpc/http.test.ts';
const webSocket = 'test/integration/rpc/webSocket.test.ts';
const events = 'test/integration/rpc/events.test.ts';

/** What stands at the doors themselves. A real server is asked, whose bundle is made without the guard. */
export const transportCanaries: readonly GuardCanary[] = [
  ...guardsOf('server/src/transports/httpTransport.ts', 'test/security/httpDoor.test.ts', [
    ['if (refusal) {\n      // Such requests', 'if (refusal === null) {\n      // Such requests', 'refuses the host'],
  ]),
  ...guardsOf('server/src/transports/preflight.ts', 'test/security/httpDoor.test.ts', [
    ['if (!isPreflight || headers.origin === undefined)', 'if (!isPreflight)', 'preflights of a page'],
  ]),
  ...guardsOf('server/src/transports/httpTransport.ts', webSocket, [
    [
      'this.options.guard.checkAddress(shown) ?? (await this.authenticate(request, shown))',
      'await this.authenticate(request, shown)',
      'before there is a WebSocket',
    ],
    ["if (path === '/ws') {", "if (path !== '') {", 'before there is a WebSocket'],
  ]),
  ...guardsOf('server/src/transports/httpTransport.ts', 'test/security/scopes.test.ts', [
    [
      "if ('reason' in bearer) {\n      this.admitStranger({ request, response, path });\n      if (bearer.reason === 'ResourceLimit') this.answers.endWith({ request, response });\n      sendRefusal(response, bearer);\n      return;\n    }",
      "if ('reason' in bearer) Object.assign(bearer, { scope: 'admin', tokenId: 'x', reason: undefined });",
      'HTTP',
    ],
    [
      'refuseUpgrade(request, refusal);\n        return;',
      "Object.assign(refusal, { scope: 'admin', tokenId: 'x', reason: undefined });",
      'out of reach of strangers',
    ],
  ]),
  ...guardsOf('server/src/transports/httpTransport.ts', http, [
    ['this.answers.allSent(socket) ? head :', 'head.length >= 0 ? head :', 'in its order'],
  ]),
  ...guardsOf('server/src/transports/door.ts', http, [
    ['subprotocols: [],', "subprotocols: [String(request.headers['sec-websocket-protocol'])],", 'only from who asks'],
  ]),
  ...guardsOf('server/src/rpc/router.ts', 'test/security/strayedToken.test.ts', [
    ['namePattern.test(what) ? what :', 'what ||', ''],
  ]),
  ...guardsOf('server/src/transports/httpCalls.ts', http, [
    [
      "if (!/^application\\/json(?:;\\s*charset=utf-8)?$/i.test(request.headers['content-type'] ?? '')) {",
      "if (request.headers['content-type'] === '') {",
      'answers 415',
    ],
    ["if (Number(request.headers['content-length'] ?? 0) > maxBodyBytes) throw tooLarge();", '', '64 MiB'],
    ['if (bytes > maxBodyBytes) throw tooLarge();', '', 'unknown length'],
  ]),
  ...guardsOf('server/src/transports/webSocketTransport.ts', 'test/security/httpDoor.test.ts', [
    [
      'refuseUpgrade(request, loggedRefusal(options.router, path, handshakeRefusal(request, error.message)));',
      '_stream.destroy(error);',
      'without a key as',
    ],
  ]),
  ...guardsOf('server/src/transports/webSocketTransport.ts', webSocket, [
    ['perMessageDeflate: false,', 'perMessageDeflate: true,', 'compresses nothing'],
    ['maxPayload: maxMessageBytes,', '', 'above 4 MiB'],
    ['leave();\n          this.sendAway(socket, closeCodes.policy, tokenHasEnded);', '', 'revoked'],
  ]),
  ...guardsOf('server/src/transports/webSocketReader.ts', webSocket, [
    [
      "if (isBinary) socket.close(closeCodes.unsupportedData, 'Send messages as text.');\n      else",
      '',
      'binary frames',
    ],
    ['if (this.malformed > maxMalformed) {', 'if (this.malformed < 0) {', 'closes when it is too much'],
  ]),
  ...guardsOf('server/src/transports/eventStreams.ts', events, [
    ["stream.end('Unauthenticated', 'The token does not hold any more.')", 'undefined', 'revoked'],
  ]),
  ...guardsOf('server/src/transports/httpAnswer.ts', 'test/security/contentSecurityPolicy.test.ts', [
    ["'Content-Security-Policy': \"default-src 'none'; frame-ancestors 'none'\",", '', ''],
    ["'X-Content-Type-Options': 'nosniff',", '', ''],
  ]),
  ...guardsOf('server/src/transports/httpTransport.ts', 'test/security/contentSecurityPolicy.test.ts', [
    ['answerUnreadable(server);', '', 'every HTTP answer'],
  ]),
  ...guardsOf('server/src/transports/listener.ts', 'test/security/contentSecurityPolicy.test.ts', [
    ['requireHostHeader: false,', '', 'every HTTP answer'],
  ]),
  ...guardsOf('server/src/terminals/commands/commandShell.ts', 'test/security/incidents/agentCommands.test.ts', [
    ['umask 077', '', 'nothing in the data folder'],
  ]),
].map((canary) => ({ ...canary, isBundled: true }));
