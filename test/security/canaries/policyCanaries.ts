import { guardsOf, type GuardCanary } from './guardCanary.ts';

const gate = 'policy gate';

/** What agents may do, and where. */
export const policyCanaries: readonly GuardCanary[] = [
  ...guardsOf('server/src/security/policyGate.ts', 'test/unit/security/policyGate.test.ts', [
    ['if (!place.trusted) {', 'if (place.trusted === undefined) {', 'not trusted'],
    ['if (folders.length === 0) return deny(noFolder);', '', 'where none is open'],
    ['if (named !== undefined) return denySecret(shown, named);', '', 'leads to an ordinary one'],
    ['if (held !== undefined) return denySecret(shown, held);', '', 'behind a link'],
    [
      'if (!isInside(resolved.path, ground.folders)) return denyOutside(shown);\n  if (isOurs(resolved.path, ground)) return denyOwn(shown);\n  const held',
      'if (isOurs(resolved.path, ground)) return denyOwn(shown);\n  const held',
      gate,
    ],
    ['if (isOurs(resolved.path, ground)) return denyOwn(shown);\n  const held', 'const held', 'our own'],
    [
      'if (!isInside(resolved.path, ground.folders)) return denyOutside(shown);\n  if (isOurs(resolved.path, ground)) return denyOwn(shown);\n  if (!resolved.exists)',
      'if (isOurs(resolved.path, ground)) return denyOwn(shown);\n  if (!resolved.exists)',
      'commands that cannot run',
    ],
    [
      'if (isOurs(resolved.path, ground)) return denyOwn(shown);\n  if (!resolved.exists)',
      'if (!resolved.exists)',
      'our own',
    ],
    [
      "if (!stats.isFile() && !stats.isDirectory()) return 'is a device, a pipe or a socket, which is not read.';",
      '',
      'a pipe',
    ],
    [
      "if (commandLine.trim() === '') return deny('The command line is empty. Give a command.');",
      '',
      'commands that cannot run',
    ],
    [
      "if (commandLine.includes('\\0')) return deny('The command line holds a NUL character. Leave it out.');",
      '',
      'commands that cannot run',
    ],
    [
      'if (Buffer.byteLength(commandLine) > maxCommandBytes) {',
      "if (commandLine === ' ') {",
      'commands that cannot run',
    ],
    [
      "return { outcome: 'ask', detail: makeVisible(commandLine), path: resolved.path };",
      "return { outcome: 'allow', path: resolved.path };",
      'asks about every command',
    ],
    ['detail: makeVisible(commandLine)', 'detail: commandLine', 'asks about every command'],
    [
      "return deny('This could not be checked, so it was not done. Try again.');",
      "return { outcome: 'allow', path: place.cwd };",
      'cannot be judged',
    ],
  ]),
  ...guardsOf('server/src/security/workspacePath.ts', 'test/unit/security/policyGate.test.ts', [
    ["if (await isThere(existing)) return { refusal: 'it is a link that leads nowhere' };", '', 'leads nowhere'],
    ['return !pseudoFileSystems.some(', 'return true || !pseudoFileSystems.some(', 'kernel makes up'],
    ["if (asked.includes('\\0')) return 'the path holds a NUL character';", '', 'a NUL character'],
    ["return 'network and device paths are not followed';", 'return undefined;', 'denies a'],
    ['path: path.join(await realpath(existing), ...missing)', 'path: path.join(existing, ...missing)', 'a link'],
    ['const root = outer.endsWith(flavour.sep) ? outer : outer + flavour.sep;', 'const root = outer;', 'begins alike'],
  ]),
  ...guardsOf('server/src/security/secretFiles.ts', 'test/unit/security/secretFiles.test.ts', [
    ['.toLowerCase()', '', ''],
    [".replace(/\\p{Default_Ignorable_Code_Point}/gu, '')", '', ''],
    ['rule.matches(segments) || rule.matches(withoutStreams)', 'rule.matches(segments)', ''],
  ]),
  ...guardsOf('server/src/tools/checkedAccess.ts', 'test/unit/tools/tools.test.ts', [
    ['if (!allowed) {', 'if (allowed === undefined) {', 'mark what was refused'],
    [
      "if (decision.outcome === 'deny') throw await this.#denied(effect, decision.message);",
      '',
      'mark what was refused',
    ],
    ['await this.#judgeAgain(effect, decision.path);', '', 'that need a yes'],
    ['if (real === shownPath) return;', 'return;', 'leads elsewhere'],
    ["return decision.outcome === 'allow';", 'return true;', 'without secrets'],
    [
      "decision.outcome === 'allow' ? decision.path : this.#context.place().cwd",
      'folder',
      'wherever a command has ended',
    ],
    ['readonly #ports: ToolPorts;', 'readonly #ports: ToolPorts;\n  readonly leak = 1;', 'nothing in reach'],
  ]),
  ...guardsOf('server/src/tools/toolRegistry.ts', 'test/unit/tools/tools.test.ts', [
    ['if (!parsed.success) return mistake(', 'if (parsed.success === undefined) return mistake(', 'say what is wrong'],
    ['if (!tool) {\n      const names', 'if (tool === null) {\n      const names', 'nothing in reach'],
  ]),
  ...guardsOf('server/src/agents/turn.ts', 'test/integration/agents/trust.test.ts', [
    [
      'workspace: () => ({ folders: workspace.folders, trusted: workspace.state.trusted }),',
      'workspace: ((fixed) => () => fixed)({ folders: workspace.folders, trusted: workspace.state.trusted }),',
      'while a turn runs',
    ],
    [
      'instructions: () => this.instructions(),',
      'instructions: ((fixed) => () => fixed)(this.instructions()),',
      'while a turn runs',
    ],
  ]),
  ...guardsOf('server/src/agents/permissions.ts', 'test/integration/agents/permissions.test.ts', [
    ['if (!this.options.hasAudience()) {', 'if (!this.options.hasAudience()) {\n      return true;', 'nobody is there'],
    ["return optionId !== 'reject_once';", 'return true;', 'does not run when it is rejected'],
    [
      'if (!question.options.some((option) => option.optionId === optionId)) {',
      'if (question.options.length === 0) {',
      'no answer that was not offered',
    ],
    [
      'if (this.allowedKeys.has(question.key)) return true;',
      'if (this.allowedKeys.size > 0) return true;',
      'but another command is',
    ],
  ]),
];
