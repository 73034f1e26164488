import { guardsOf, type GuardCanary } from './guardCanary.ts';

const tampering = 'test/unit/security/audit/tampering.test.ts';
const retention = 'test/unit/security/audit/auditRetention.test.ts';
const keyHolder = 'test/unit/security/audit/keyHolder.test.ts';

/** What keeps the audit log whole, and secrets out of it; that it is told of everything is `auditCanaries.test.ts`'s part. */
export const auditCanaries: readonly GuardCanary[] = [
  ...guardsOf('server/src/security/audit/chainFileCheck.ts', tampering, [
    [
      '} else if (record.previous !== this.head || record.sequence !== this.sequence + 1) {',
      '} else if (record.sequence < 0) {',
      'splice',
    ],
    ['if (this.nextAnchor.head !== this.head) {', "if (this.nextAnchor.head === '') {", 'edited record'],
    ['if (opening.file !== this.name) {', "if (opening.file === '') {", 'under another name'],
    [
      'if (!this.options.trustedKeys.has(opening.publicKey)) {',
      "if (opening.publicKey === '') {",
      'a chain with another key',
    ],
    ['if (nextAnchor) {', 'if (nextAnchor === null) {', 'whole but shorter'],
    ['if (claim)\n      throw', 'if (claim === null)\n      throw', 'cut together'],
  ]),
  ...guardsOf('server/src/security/audit/anchorReading.ts', tampering, [
    ['if (!isSigned || signature', 'if (signature', 'another key has signed'],
    [
      'if (one.previous !== this.previous || one.sequence < this.sequence) {',
      'if (one.sequence < 0) {',
      'cut, edited or taken away',
    ],
  ]),
  ...guardsOf('server/src/security/audit/chainFileCheck.ts', keyHolder, [
    ['if (claim.head !== this.head) throw', "if (claim.head === '') throw", 'another head'],
    ['if (tooFew) throw', 'if (tooFew === null) throw', 'was added'],
    ['if (this.tornBytes > 0 || tornAnchors > 0) {', 'if (this.tornBytes < 0) {', 'half a record'],
  ]),
  ...guardsOf('server/src/security/audit/anchorReading.ts', keyHolder, [
    ['if (one.file !== this.name) throw', "if (one.file === '') throw", 'another chain'],
  ]),
  ...guardsOf('server/src/security/audit/chainEnds.ts', tampering, [
    [
      'const earlier = names.slice(maxLatest).filter((name) => seenOpen.has(name));',
      'const earlier: string[] = [...seenOpen].slice(0, 0);',
      'goes on for long',
    ],
  ]),
  ...guardsOf('server/src/security/audit/auditVerifier.ts', retention, [
    [
      'files.some((deleted) => deleted.file === file)',
      'files.some((deleted) => deleted.file !== file)',
      'no deletion has named',
    ],
  ]),
  ...guardsOf('server/src/security/audit/auditRetention.ts', retention, [
    ['const files = [...(await this.namedBefore(ended)), ...ended];', 'const files = ended;', 'named again'],
  ]),
  ...guardsOf('server/src/security/audit/signingKey.ts', 'test/unit/security/audit/signingKey.test.ts', [
    ['stats.isFile() && isPrivate ?', 'stats.isFile() ?', 'others could have read it'],
    ['if (!secrets.canKeep) return undefined;', 'return undefined;', 'kept by an editor'],
    ["if (pem.includes('PRIVATE')) return undefined;", '', 'no public key'],
    ['publicKey !== undefined && keyIdOf(publicKey) === id', 'publicKey !== undefined', 'named after another'],
  ]),
  ...guardsOf('server/src/security/audit/auditedText.ts', 'test/unit/security/audit/auditService.test.ts', [
    [
      'const redacted = redactEagerly(text, known).toWellFormed();',
      'const redacted = text.toWellFormed();',
      'keeps secrets out',
    ],
    ["if (isSecretKey(key)) return '[redacted]';", '', 'keeps secrets out'],
  ]),
  ...guardsOf('server/src/security/audit/auditChain.ts', 'test/unit/security/audit/auditService.test.ts', [
    ['...auditedDetails(details, { known, isForeign }), ...facts', '...details, ...facts', 'keeps secrets out'],
    ['details: { setting: this.options.setting() } }', 'details: {} }', 'of what it tells of itself'],
  ]),
  ...guardsOf('server/src/security/tokens/tokenHandlers.ts', 'test/unit/security/tokens/tokenHandlers.test.ts', [
    ['await tokens.refuseIfFull();', '', 'nothing can be done'],
    ['await tokens.refuseUnlessRotatable(tokenId);', '', 'nothing can be done'],
    ['await tokens.revocable(tokenId);', '', 'nothing can be done'],
    ['tokenId === undefined ? undefined : tokens.endOf(tokenId);', 'Promise.resolve(void tokenId);', 'outlasts'],
  ]),
  ...guardsOf('server/src/security/audit/auditedText.ts', 'test/unit/security/audit/auditedText.test.ts', [
    ["if (depth >= maxDepth) return '(too deep)';", '', ''],
    ['if (json.length <= maxDetailsChars) return kept;', 'return kept;', ''],
  ]),
  ...guardsOf('server/src/security/audit/auditedText.ts', 'test/unit/security/audit/auditedText.test.ts', [
    ['isForeign ? withoutLongRuns(redacted) : redacted', 'redacted', 'of a stranger'],
    ['isForeign ? Math.min(maxChars, maxForeignChars) : maxChars', 'maxChars', 'of a stranger'],
    ['${cutBetweenRuns(clean, most).toWellFormed()}…', '${clean.slice(0, most).toWellFormed()}…', 'that nobody knows'],
  ]),
  ...guardsOf('server/src/security/audit/auditHandlers.ts', 'test/unit/security/audit/auditHandlers.test.ts', [
    ["await verifications.join('all', verify, signal)", 'await verify(signal)', 'once for all'],
  ]),
  ...guardsOf('server/src/security/audit/auditService.ts', 'test/unit/security/audit/auditService.test.ts', [
    ["name: `${group} ${actor.token ?? ''}`", 'name: group', 'with a token of its own'],
    ['const group = `${kind} ${outcome}`;', 'const group: string = kind;', 'with a token of its own'],
  ]),
  {
    file: 'server/src/cli/serve.ts',
    guard: 'isForeign: true,',
    without: '',
    isBundled: true,
    tests: 'test/security/strayedToken.test.ts',
    grep: 'in part',
  },
  ...guardsOf('server/src/base/floodGate.ts', 'test/unit/security/audit/auditService.test.ts', [
    ['if (window.admitted < this.options.maxPerMinute) {', 'if (window.admitted >= 0) {', 'by the thousand'],
    ['this.windows.size < maxKinds ?', 'this.windows.size < Infinity ?', 'more tokens than'],
  ]),
  ...guardsOf('server/src/security/audit/appendedFile.ts', 'test/unit/security/audit/appendedFile.test.ts', [
    ['if (durable) await this.file.datasync();', '', ''],
    ['if (!this.needsCut) return;', 'return;', ''],
    ['// Else what was refused could be there again after a loss of power.\n    await this.file.datasync();', '', ''],
  ]),
];
