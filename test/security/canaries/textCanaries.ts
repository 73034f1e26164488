import { guardsOf, type GuardCanary } from './guardCanary.ts';

/** What makes a string of a stranger safe for where it is put. */
export const textCanaries: readonly GuardCanary[] = [
  ...guardsOf('server/src/base/logger.ts', 'test/unit/base/logger.test.ts', [
    ["redact(parts.join(' '), hidden)", "parts.join(' ')", 'A line of the log'],
    [".replace(/[\\r\\n]+/g, '\\\\n')", '', 'A line of the log'],
    ['.replace(unprintable, escaped)', '', 'A line of the log'],
    ["isSecretKey(key) ? '[redacted]' : formatValue(value)", 'formatValue(value)', 'A line of the log'],
    ["isSecretKey(key) ? '[redacted]' : inner", 'inner', 'A line of the log'],
    ['line.length <= maxLineChars ? line', 'line.length > 0 ? line', 'A line of the log'],
  ]),
  ...guardsOf('server/src/base/redaction.ts', 'test/unit/base/logger.test.ts', [
    ['known.reduce((rest, secret) => rest.replaceAll(secret, replacement), text)', 'text', 'What is kept for long'],
    ['return withoutWebTokens(withoutKnown.replace(ownToken', 'return (withoutKnown.replace(ownToken', ''],
    ['withoutAssigned(redact(text, known))', 'redact(text, known)', 'What is kept for long'],
    ['rest.replace(option, `$1${replacement}`)', 'rest', 'What is kept for long'],
    ['.replace(namedValue, `$1${replacement}`)', '', 'What is kept for long'],
    ['.replace(urlPassword, `$1${replacement}`)', '', 'What is kept for long'],
  ]),
  ...guardsOf('server/src/base/secretNames.ts', 'test/unit/base/redaction.test.ts', [
    ['if (secretWords.has(word) || secretEnd.test(word)) return true;', '', 'holds a word'],
    ['return secretBehindOthers.has(word) &&', 'return word === undefined &&', 'holds a word'],
    ['words.some((_, index) => isSecretWord(words, index))', 'isSecretWord(words, words.length - 1)', 'anywhere'],
    ['isSecretName(name) ? [value] : []', '!isSecretName(name) ? [value] : []', 'of the environment'],
  ]),
  ...guardsOf('server/src/security/visibleText.ts', 'test/unit/security/visibleText.test.ts', [
    ['return text.replace(invisible, (character) => {', 'return text.replace(/(?!)/gu, (character) => {', ''],
    ['const hidden = code >= firstTag && code <= lastTag ?', 'const hidden = code < 0 ?', ''],
  ]),
  ...guardsOf('server/src/cli/terminalOutput.ts', 'test/unit/cli/terminalOutput.test.ts', [
    ['stdout.write(makeVisible(text))', 'stdout.write(text)', 'in a result'],
    ['stderr.write(makeVisible(text))', 'stderr.write(text)', 'in a result'],
    ['stdout.write(withoutControls(text))', 'stdout.write(text)', 'words of a model'],
    ["withoutControls(text).replaceAll('\\n', ' ')", 'withoutControls(text)', 'words of a model'],
    [".replace(sequence, '')", '', 'words of a model'],
    ["replace(unsafe, '')", "replace('', '')", 'words of a model'],
    ['makeVisible(line)', 'line', 'shows progress'],
  ]),
  ...guardsOf('server/src/base/visibleJson.ts', 'test/unit/cli/terminalOutput.test.ts', [
    ['.replace(unseen, (character)', '.replace(/(?!)/gu, (character)', 'in JSON'],
  ]),
  ...guardsOf('server/src/terminals/commands/plainText.ts', 'test/unit/terminals/plainText.test.ts', [
    ['!isControl(character)', 'true', ''],
    ['Math.min(Math.max(1, first), maxColumns) - 1', 'Math.max(1, first) - 1', 'widest terminal'],
    [
      'this.cells.length < this.column && this.jumpedLeft > 0;',
      'this.cells.length < this.column;',
      'at most twice as many',
    ],
    ["this.cells.fill(' ', this.blankTo, this.column + 1)", "this.cells.fill(' ', 0, this.column + 1)", 'in a moment'],
  ]),
  ...guardsOf('server/src/terminals/commands/inputWatch.ts', 'test/unit/terminals/inputWatch.test.ts', [
    ["logger.error('Whether a command waits for input could not be told', { error });", 'throw error;', 'in a timer'],
  ]),
  ...guardsOf('server/src/tools/globPattern.ts', 'test/unit/tools/globPattern.test.ts', [
    ['if (!how.steps.take(1)) return false;', '', 'steps are spent'],
  ]),
  ...guardsOf('server/src/tools/fileWalk.ts', 'test/unit/tools/fileWalk.test.ts', [
    ['await walk.pace.rest();', '', 'takes a moment'],
    ['text.length <= maxIgnoreFileBytes', 'text.length >= 0', 'too long to be read'],
  ]),
  ...guardsOf('server/src/tools/fileSearch.ts', 'test/unit/tools/folderLists.test.ts', [
    ['await pace.rest();\n      if (isWanted', 'if (isWanted', 'not kept, with ripgrep'],
    ['await pace.rest();\n    if (isWanted', 'if (isWanted', 'turns for others in between, kept, with ripgrep'],
    ['if (!steps.isSpent) return isMatch;', 'return isMatch;', 'not kept, with the built-in walk'],
  ]),
  ...guardsOf('server/src/cli/sessionOutputFilter.ts', 'test/unit/cli/sessionOutputFilter.test.ts', [
    ["if (number === clipboard) return this.options.mayWriteClipboard && !text.endsWith('?');", '', 'guest may do'],
    ['return !shellReports.has(number);', 'return true;', 'guest may do'],
    ["if ((isPlain || prefix === '?') && name === 'J' && first === 3) return '';", '', 'guest may do'],
    ["if (isPlain && name === 't' && ((first >= 1 && first <= 10) || first >= 24)) return '';", '', 'guest may do'],
    ['!alternateModes.has(mode) && !windowModes.has(mode)', '!windowModes.has(mode)', 'guest may do'],
  ]),
  ...guardsOf('server/src/storage/exchange/safeMarkdown.ts', 'test/unit/storage/exchange/safeMarkdown.test.ts', [
    [
      "return text.replace(/\\r\\n?/g, '\\n').replace(hidden, (character) => {",
      "return text.replace(/\\r\\n?/g, '\\n').replace(/(?!)/gu, (character) => {",
      'what would not be seen',
    ],
  ]),
  ...guardsOf('server/src/storage/index/searchText.ts', 'test/unit/storage/searchText.test.ts', [
    ["terms.push(`\"${tokens.join(' ')}${phrase === undefined ? '*' : ''}\"`);", 'terms.push(phrase ?? word);', ''],
    ["plain = marks.test(text) ? text.replaceAll(markStart, ' ').replaceAll(markEnd, ' ') : text", 'plain = text', ''],
  ]),
  ...guardsOf('server/src/providers/modelFailure.ts', 'test/unit/providers/modelFailure.test.ts', [
    ["apiKey ? text.replaceAll(apiKey, '[redacted]') : text", 'text', ''],
    [
      'endpoint.apiKey ? { ...explained, error: withoutKey(explained.error, endpoint.apiKey) } : explained',
      'explained',
      '',
    ],
  ]),
  ...guardsOf('webview-ui/src/markdown/links.ts', 'test/unit/webview/markdownText.test.ts', [
    [
      'if (!/^https?:\\/\\//i.test(href) || !URL.canParse(href)) return null;',
      'if (!URL.canParse(href)) return null;',
      'every other scheme',
    ],
    [' || server.test(path)', '', 'link targets'],
    ["if (path === '' || unsafeInPath.test(path)", "if (path === ''", 'link targets'],
  ]),
  ...guardsOf('extension/src/panels/openedFile.ts', 'test/unit/extension/openedFile.test.ts', [
    ['if (server.test(file) &&', "if (file === '' &&", 'on no server'],
  ]),
  // That no element of a stranger gets in is guarded twice, by the renderer and by the sanitizer: either is enough.
  ...guardsOf('webview-ui/src/markdown/renderMarkdown.ts', 'test/integration/webview/agentPanel.test.ts', [
    ["link.removeAttribute('href');", '', 'can smuggle in no script'],
    ['image: ({ href, text }) =>', 'unused: ({ href, text }) =>', 'can smuggle in no script'],
  ]).map((canary) => ({ ...canary, isBundled: true })),
  ...guardsOf('webview-ui/src/markdown/visibleText.ts', 'test/unit/webview/markdownText.test.ts', [
    ['return `⟨U+${code}⟩`;', 'return character;', 'by their codes'],
    [
      "return text.replace(/\\r\\n/g, '\\n').replace(hiddenCharacters, '');",
      "return text.replace(/\\r\\n/g, '\\n');",
      'left out of an answer',
    ],
    ["text.replace(escapeSequence, '')", 'text', 'escape sequences'],
  ]),
  ...guardsOf('webview-ui/src/terminal/harmlessPaste.ts', 'test/unit/webview/harmlessPaste.test.ts', [
    ["return text.replace(/[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f]/g, '');", 'return text;', ''],
  ]),
  ...guardsOf('server/src/terminals/shells/shellEnvironment.ts', 'test/unit/terminals/shellEnvironment.test.ts', [
    ['value === undefined || removed.some((pattern) => pattern.test(name))', 'value === undefined', ''],
    ["if (name === '' || /[=\\0]/.test(name)) throw", "if (name === '\\n') throw", ''],
  ]),
  ...guardsOf('extension/src/panels/viewMessages.ts', 'test/unit/extension/viewMessages.test.ts', [
    [
      'if (!known) return { problem: `the method ${shown(method)}`, requestId: id, isForbidden: true };',
      '',
      'forbidden method',
    ],
    ["typeof url === 'string' && isWebLink(url) ?", "typeof url === 'string' ?", 'may not have'],
    ['return command && {', 'return {', 'may not have'],
  ]),
];
