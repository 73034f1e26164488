import { guardsOf, type GuardCanary } from './guardCanary.ts';

const guard = 'The guard of the doors';
const tokens = 'The tokens of a data folder';
const router = 'The router';
const staying = 'test/security/stayingClients.test.ts';
const pipelined = 'test/security/pipelinedCalls.test.ts';
const tokenEnd = "stream.end('Unauthenticated', 'The token does not hold any more.')";
const secret = '!record || !isRight || this.hasEnded(record)';

/** Who may come in, how often, and with what. */
export const doorCanaries: readonly GuardCanary[] = [
  ...guardsOf('server/src/security/door/doorGuard.ts', 'test/unit/security/doorGuard.test.ts', [
    ["isAmbiguous ? 'BadHost' : ", '', guard],
    ['if (bearer) return bearer;', 'if (bearer || presented) return bearer!;', guard],
    ['shown.length === 1 ? shown[0] : undefined', 'shown[0]', guard],
    ['retryAfterMs === 0 ?', 'retryAfterMs >= 0 ?', guard],
  ]),
  ...guardsOf('server/src/security/door/failedAttempts.ts', 'test/unit/security/doorGuard.test.ts', [
    ['if (this.byAddress.size > maxAddresses && oldest !== undefined) this.byAddress.delete(oldest);', '', 'thousand'],
  ]),
  ...guardsOf('server/src/security/door/hostGuard.ts', 'test/unit/security/hostGuard.test.ts', [
    ["if (!isOurHost(headers.host, rules)) return 'BadHost';", '', ''],
    ["return allowed ? 'ok' : 'BadOrigin';", "return allowed ? 'ok' : 'ok';", ''],
    ['if (Number(match[2] ?? defaultPort) !== port) return false;', '', ''],
    ['origin !== undefined && rules', 'rules', ''],
  ]),
  ...guardsOf('server/src/security/tokens/tokenStore.ts', 'test/unit/security/tokens/tokenStore.test.ts', [
    [secret, '!record || this.hasEnded(record)', tokens],
    [secret, '!record || !isRight', tokens],
    ['this.ended.has(record.digest) ? undefined : record', 'record', tokens],
    ['const hold = this.watching.hold(tokenId);', 'const hold = { dispose: () => undefined };', 'tell nobody'],
    ['end.isDone = true;\n    try', 'try', 'cannot say that this lasts'],
    ['        this.ended.delete(digest);', '', 'a change that fails'],
    [
      "if (tokenId === mainId) {\n      throw new CodedError('Unsupported'",
      "if (tokenId === '') {\n      throw new CodedError('Unsupported'",
      'cannot be revoked',
    ],
  ]),
  ...guardsOf('server/src/security/tokens/tokenWatch.ts', 'test/unit/security/tokens/tokenStore.test.ts', [
    ['watcher.onEnded();', '', tokens],
    ['!this.looks.has(tokenId)', 'this.looks.size === 0', 'of another one hangs'],
    [' && !this.held.has(tokenId)', '', 'tell nobody'],
  ]),
  ...guardsOf('server/src/security/tokens/tokenFile.ts', 'test/unit/security/tokens/tokenFile.test.ts', [
    ['constants.O_NOFOLLOW | constants.O_NONBLOCK', 'constants.O_NONBLOCK', 'a link'],
    [
      "return 'Other users could read the token’s file, so there is a new token; clients must read it again.';",
      'return undefined;',
      'others could read',
    ],
    ['await fs.chmod(folder, folderMode);', '', 'others could look into'],
    ["fs.open(temporary, 'wx', fileMode)", "fs.open(temporary, 'wx')", 'for its owner alone'],
    ['problem === undefined && tokenPattern.test(token)', 'problem === undefined', 'holds no token'],
  ]),
  ...guardsOf('server/src/rpc/router.ts', 'test/unit/rpc/router.test.ts', [
    ['if (includesScope(client.scope, scope)) return;', 'return;', router],
    ['this.limiter.check(client, method, declaration.limit);\n      refuse', 'refuse', router],
    ["this.limiter.check(client, nameOf(method), 'api');\n    throw", 'throw', router],
    ["this.limiter.check(client, method, 'api');", '', 'may not call'],
    ["this.limiter.check(client, nameOf(method), 'api');\n        this.logger", 'this.logger', 'there is not'],
    ['this.onForbidden?.(method)', 'undefined', 'may not call'],
    ['guardParams(params);', '', router],
    [
      'this.authorize({ client, correlationId }, method, declaration);\n      this.limiter.check(client, method, declaration.limit);\n      const parsed = this.parseParams(method, declaration, params);\n      const context',
      'const parsed = this.parseParams(method, declaration, params);\n      const context',
      'passes over a notification',
    ],
    ['if (parsed.success) return parsed.data;', 'return parsed.data ?? params;', 'answers InvalidParams'],
    ['if (checked.success) return checked.data;', 'return result;', 'masks a handler'],
    [
      'const timer = this.clock.after(declaration.timeoutMs,',
      'const timer = this.clock.after(2 ** 31,',
      'answers TimedOut',
    ],
    ['namePattern.test(what) ? what :', 'what ||', 'no name of a method'],
    ["this.logger.redacted(problems.join('; '))", "problems.join('; ')", 'no half of a secret'],
    ['text.length <= maxDescribedChars ? text :', 'text !== null ? text :', 'not more of it than helps'],
  ]),
  ...guardsOf('server/src/rpc/paramsGuard.ts', 'test/unit/rpc/router.test.ts', [
    ['if (depth > maxNesting) throw', 'if (depth > 1e9) throw', 'could harm'],
    ['if (values > maxValues) throw', 'if (values > 1e9) throw', 'could harm'],
    ["if (!Array.isArray(value) && Object.hasOwn(value, '__proto__'))", "if (value === '__proto__')", 'could harm'],
  ]),
  ...guardsOf('server/src/rpc/errorBoundary.ts', 'test/unit/rpc/router.test.ts', [
    [
      'message: `The server failed on this request. Its log has the details under ${correlationId}.`',
      'message: String(error)',
      'masks a handler',
    ],
    ['this.refusals.admits({ reason, clients: kindOf(request.client) })', 'true', 'logs ten refusals'],
  ]),
  ...guardsOf('server/src/rpc/rateLimiter.ts', 'test/unit/rpc/rateLimiter.test.ts', [
    ["if (client.kind === 'http') budgets.push(httpCalls);", '', 'over HTTP'],
    ['if (retryAfterMs > 0) throw refusal(method, budget, max, retryAfterMs);', '', 'ten'],
    [
      'tokenId === undefined ? this.byClient.get(client) : this.byToken.get(tokenId)',
      'this.byClient.get(client)',
      'the same token',
    ],
  ]),
  ...guardsOf('server/src/transports/connectionBudget.ts', 'test/unit/transports/connectionBudget.test.ts', [
    ['if (!bearer.isOwner && !this.hasRoomFor(bearer.tokenId)) return false;', '', ''],
    ['|| this.open.size > all', '', 'all places are taken'],
    ['this.strangers.size > strangers ||', '', 'strangers are too many'],
    ['&& all < this.limits.ofGuests', '', 'all guests together'],
    ['this.leave(connection);\n    connection.bearer = bearer;', 'connection.bearer = bearer;', 'shown last'],
  ]),
  ...guardsOf('server/src/transports/httpTransport.ts', 'test/security/doorLimits.test.ts', [
    ['this.admit(bearer, path);', '', 'count'],
    ['this.admit(refusal, path);', '', 'count WebSockets'],
    ['this.options.router.admit(stranger, path);', '', 'a stranger'],
    ['if (this.budget.strangerOn(request.socket)) this.answers.endWith({ request, response });', '', 'foreign host'],
    ["if (path !== '/events') this.endWithToken(exchange, bearer);", '', 'end with its token'],
  ]),
  ...guardsOf('server/src/transports/unfinishedMessages.ts', 'test/unit/transports/unfinishedMessages.test.ts', [
    ["onExceeded('A message took too long to arrive.')", 'undefined', 'half a minute'],
    ['this.budget.isExceededBy(bearer)', 'false', 'all WebSockets of a guest'],
    ['finished += controlHeaderBytes + data.length;', 'finished = stream.bytesRead;', 'between pings'],
  ]),
  ...guardsOf('server/src/transports/webSocketTransport.ts', staying, [
    ['this.sendAway(socket, closeCodes.tryAgainLater, why)', 'undefined', 'they do not end'],
    ['if (inFlight >= maxInFlight) {', 'if (inFlight < 0) {', 'may have 256'],
    ['reader.stop();', '', 'behind the end'],
    ["if (!mayCall()) return refuse('Unauthenticated', tokenHasEnded);", '', 'behind the end'],
    ['bearer.isOwner || router.admitsText(client, chars)', 'true', 'so many long messages'],
    ['router.admitsNotification(client, method)', 'true', 'take calls back'],
  ]),
  ...guardsOf('server/src/transports/heartbeat.ts', staying, [
    ['if (!this.hasAnswered) {', 'if (this.hasAnswered === undefined) {', 'are pinged'],
  ]),
  ...guardsOf('server/src/transports/webSocketWriter.ts', 'test/unit/transports/webSocketWriter.test.ts', [
    ['isTooMuchWith(bytes, bufferedAmount)', 'isTooMuchWith(bytes, 0)', 'no byte more'],
    ['Buffer.byteLength(frame)', 'frame.length', 'counts in bytes'],
  ]),
  ...guardsOf('server/src/transports/webSocketWriter.ts', staying, [
    ['this.waiting.isTooMuchWith(bytes, bufferedAmount)', 'bytes < 0', 'many connections that read nothing'],
    ['if (this.pongWaits) {', 'if (this.pongWaits === undefined) {', 'of the pings'],
  ]),
  ...guardsOf('server/src/transports/webSocketReader.ts', staying, [
    [
      'if (writer.asked.end(id)) callback(message);',
      'if (method === undefined) callback(message);',
      'what nobody asked',
    ],
    [
      'if (writer.requests.begin(id)) callback(message);',
      'if (id !== undefined) callback(message);',
      'one answer for each',
    ],
    ["(admitsNotification(method) && method === '$/cancelRequest')", 'true', 'whatever they notify'],
  ]),
  ...guardsOf('server/src/transports/jsonRpcMessage.ts', staying, [
    [
      "id !== undefined && typeof id !== 'string' && !Number.isFinite(id)",
      "typeof id === 'object' && id",
      'id of null',
    ],
    [
      "if (method !== undefined && typeof method !== 'string') return 'A method must be a string.';",
      '',
      'that is no name',
    ],
  ]),
  ...guardsOf('server/src/transports/byteBudget.ts', 'test/unit/transports/unfinishedMessages.test.ts', [
    ['if (isOwner) return sum > this.limits.ofOwner;', 'if (isOwner) return false;', 'all WebSockets of a guest'],
    ['|| (sum > 0 && this.ofGuests > this.limits.ofGuests)', '', 'all guests'],
  ]),
  ...guardsOf('server/src/transports/httpCalls.ts', pipelined, [
    ['if (unfinished.isExceededBy(bearer)) throw tooMuchAtOnce();', '', 'hold 32 MiB'],
    ['unfinished.add(bearer, -bytes);', '', 'hold 32 MiB'],
  ]),
  ...guardsOf('server/src/transports/httpTransport.ts', pipelined, [
    ["socket.on('data', onData).once('end', onEnd);", "socket.on('data', onData);", 'end with their client'],
    ['if (bytes > maxEarlyBytes) socket.pause();', '', 'far ahead'],
    ['socket.setTimeout(0);', '', 'offers another protocol, behind'],
  ]),
  ...guardsOf('server/src/transports/answerLimits.ts', pipelined, [
    ["response.prependOnceListener('finish', () => socket.setTimeout(0));", '', 'takes long behind another'],
    ['if (waiting.isTooMuchWith(bytes, bytesBefore)) {', 'if (bytes < 0) {', 'more than sixteen MiB'],
    ['isTooMuchWith(bytes, bytesBefore)', 'isTooMuchWith(bytes)', 'more than sixteen MiB'],
    ['    waiting.add(bytes);\n', '', 'the same token'],
    ["response.once('close', () => waiting.dispose());", '', 'the same token'],
    ['if (this.passesOver(socket)) return false;', '', 'a call comes behind'],
  ]),
  ...guardsOf('server/src/transports/eventStreams.ts', pipelined, [
    ["if (!answers.isLatest(exchange)) throw new CodedError('InvalidRequest', lastOfConnection);", '', 'refused'],
    ["stream.end('InvalidRequest', lastOfConnection)", 'undefined', 'comes behind'],
  ]),
  ...guardsOf('server/src/transports/httpTransport.ts', pipelined, [
    ['this.answers.count(exchange, bearer);', '', 'more than sixteen MiB'],
    ['if (this.answers.passesOver(socket)) return;', '', 'a WebSocket comes behind'],
  ]),
  ...guardsOf('server/src/transports/eventStream.ts', staying, [
    ['if (this.waiting.isTooMuchWith(bytes)) {', 'if (bytes < 0) {', 'lose their event stream'],
  ]),
  ...guardsOf('server/src/transports/eventStream.ts', 'test/unit/transports/eventStream.test.ts', [
    ['if (this.waiting.isTooMuchWith(bytes)) {', 'if (bytes < 0) {', ''],
    ['discount();', '', 'once its client has read'],
    [
      'response.req.socket.destroy();\n    // At once: those that are written to in the same turn need not go as well.\n    this.waiting.dispose();',
      '',
      'makes room at once',
    ],
    ['response.req.socket.destroy();', '', 'behind another answer'],
    ['this.keepAlive?.dispose();\n    this.waiting.dispose();', 'this.keepAlive?.dispose();', 'has gone'],
  ]),
  ...guardsOf('server/src/transports/waitingBytes.ts', 'test/unit/transports/waitingBytes.test.ts', [
    ['if (waiting > maxWaitingBytes) return true;', '', 'sixteen MiB'],
    [
      'if (waiting > fairShareBytes) return budget.isExceededBy(holder);',
      'return budget.isExceededBy(holder);',
      'more than its share until',
    ],
    ['return budget.isExceededBy(holder);', 'return false;', 'more than its share until'],
    ['waiting + bytes > fairShareBytes && budget.isFarExceededBy(holder)', 'false', 'no long text more'],
    ['if (!this.isDisposed) this.change(-bytes);', 'this.change(-bytes);', 'counts until'],
  ]),
  ...guardsOf('server/src/transports/listener.ts', 'test/security/doorLimits.test.ts', [
    ['headersTimeout: headersMs,', '', 'over its headers'],
    ['requestTimeout: requestMs,', '', 'over a body'],
  ]),
  ...guardsOf('server/src/security/door/tlsFiles.ts', 'test/unit/security/tlsFiles.test.ts', [
    ['(mode & othersMask) !== 0', 'mode === 0', 'others can read'],
    ['if (size > maxFileBytes) throw', 'if (size < 0) throw', 'too large'],
    ['if (!certificate.checkPrivateKey(key)) {', 'if (certificate.ca) {', 'exchanged'],
  ]),
  ...guardsOf('server/src/transports/answerLimits.ts', 'test/security/doorLimits.test.ts', [
    ['if (unsent.size >= maxUnanswered) {', 'if (unsent.size < 0) {', 'more requests than'],
    ['response.setTimeout(this.options.unreadAnswerMs, () => response.destroy());', '', 'nothing of its answers'],
  ]),
  ...guardsOf('server/src/transports/eventStreams.ts', 'test/security/doorLimits.test.ts', [
    [tokenEnd, 'undefined', 'even while it attaches'],
  ]),
  ...guardsOf('server/src/rpc/frameReader.ts', 'test/unit/rpc/frameReader.test.ts', [
    ['if (end === -1 ? buffered.length > maxHeaderBytes : end > maxHeaderBytes) {', 'if (end < -1) {', 'refuses'],
    ["if (length !== undefined) throw new FramingError('Content-Length stands twice');", '', 'refuses'],
    [
      "if (!/^\\d{1,9}$/.test(match[2] ?? '')) throw new FramingError('Content-Length is not a number of bytes');",
      '',
      'refuses',
    ],
    ["if (length === undefined) throw new FramingError('Content-Length is missing');", 'length ??= 0;', 'refuses'],
    ['if (length > maxBodyBytes) throw', 'if (length > 1e12) throw', 'refuses'],
  ]),
  ...guardsOf('server/src/cli/serveRecord.ts', 'test/unit/cli/serveRecord.test.ts', [
    ["if (former.state === 'running' || this.lock) return former;", 'return former;', 'is waited for'],
    ['if (await this.lock?.isHeld()) await fs.rm', 'await fs.rm', 'taken for dead'],
  ]),
];
