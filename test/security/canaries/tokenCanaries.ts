import { guardsOf, type GuardCanary } from './guardCanary.ts';

const store = 'server/src/security/tokens/tokenStore.ts';
const races = 'test/unit/security/tokens/tokenRaces.test.ts';
const handlers = 'test/unit/security/tokens/tokenHandlers.test.ts';

/** What keeps a token from holding on, and more than a hundred from being made, where several change them at once. */
export const tokenCanaries: readonly GuardCanary[] = [
  ...guardsOf(store, races, [
    ['end.isDone = true;\n      return false;', 'end.isDone = true;\n      return true;', 'never both'],
    [
      'if (!(await this.removeFile(tokenId, end))) throw notFound(tokenId);',
      'await this.removeFile(tokenId, end);',
      'to one',
    ],
    ['if (!(await this.areMoreThan(maxTokens))) return made;', 'return made;', 'more than a hundred'],
  ]),
  ...guardsOf(store, 'test/unit/security/tokens/tokenStore.test.ts', [
    ['digest: digestOf(token) };', 'digest: digestOf(token), token };', 'cannot be had'],
    ['if (ids.length <= count) return false;', 'if (ids.length > 0) return false;', 'a hundred at most'],
  ]),
  ...guardsOf('server/src/security/tokens/oneAfterAnother.ts', handlers, [
    ['const turn = this.last.then(() => {', 'const turn = Promise.resolve().then(() => {', 'at once'],
    ['if (this.waiting >= this.maxWaiting) {', 'if (this.waiting < 0) {', 'room to wait'],
    ['this.waiting -= 1;\n      signal.throwIfAborted();', 'this.waiting -= 1;', 'room to wait'],
  ]),
  ...guardsOf('server/src/security/tokens/tokenHandlers.ts', handlers, [
    ['signal.throwIfAborted();', '', 'has gone'],
    [
      "audit.tell({ kind: 'token.changed', outcome: 'failed'",
      "void ({ kind: 'token.changed', outcome: 'failed'",
      'does not happen',
    ],
  ]),
  ...guardsOf('server/src/security/tokens/recordReader.ts', 'test/unit/security/tokens/tokenStore.test.ts', [
    ['onRepaired(repair);', '', 'told and said once'],
  ]),
  ...guardsOf('server/src/base/redaction.ts', 'test/unit/base/redaction.test.ts', [
    ['.replace(ownToken, replacement)', '', 'of our own form'],
  ]),
  ...guardsOf('server/src/rpc/errorBoundary.ts', 'test/unit/rpc/errorBoundary.test.ts', [
    ['name: `${reason} ${clients}`', 'name: reason', 'one kind of client'],
  ]),
  ...guardsOf('server/src/rpc/costlyCalls.ts', 'test/unit/rpc/costlyCalls.test.ts', [
    ['if (calls.running < maxRunning) calls', 'if (calls.running >= 0) calls', 'two at a time'],
    ['if (waiting.length >= maxWaiting) {', 'if (waiting.length < 0) {', 'two at a time'],
    ['waiting.splice(waiting.indexOf(take), 1);', '', 'their caller goes'],
  ]),
  ...guardsOf('server/src/rpc/errorBoundary.ts', 'test/unit/rpc/errorBoundary.test.ts', [
    ['printable(this.logger.redacted(text))', 'printable(text)', 'no secret across'],
    ['return printable(', 'return String(', 'no secret across'],
    ["typeof value === 'string' ? this.shown(value) : value", 'value', 'no secret across'],
  ]),
];
