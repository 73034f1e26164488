import { signal } from '@preact/signals';

/**
 * Every sentence and label of the views, in English. The extension host sends translations by the same keys; `{name}`
 * stands for an argument.
 */
export const englishStrings = {
  'error.viewClosed': 'This view was closed.',
  'error.cancelled': 'Cancelled.',
  'error.tooManyRequests': 'Too many requests are waiting for the server. Wait a moment and try again.',
  'error.timedOut': 'The server did not answer {method} in time. Try again, or restart the server.',
  'error.serverRestarted': 'The server was restarted before it answered. Try again.',
  'error.serverStopped': 'The server has stopped. Restart it and try again.',
  'error.unexpected': 'Something unexpected went wrong: {detail}',

  'server.starting': 'Starting the server…',
  'server.restarting': 'The server is restarting. Your conversation stays here.',
  'server.stopped': 'The server has stopped.',
  'server.degraded': 'The server is running with reduced function.',
  'server.restart': 'Restart server',
  'server.showLog': 'Show log',

  'damage.onePlace':
    'Part of this conversation could not be read (1 place), and is missing here. What was damaged is kept aside.',
  'damage.places':
    'Parts of this conversation could not be read ({count} places), and are missing here. What was damaged is kept aside.',
  'damage.restoreBackup': 'Restore backup…',

  'header.newConversation': 'New conversation',
  'header.history': 'Conversations',
  'header.untitled': 'New conversation',

  'history.label': 'Conversations',
  'history.filter': 'Search conversations',
  'history.empty': 'No conversations in this workspace yet.',
  'history.noMatch': 'Nothing matches “{filter}”.',
  'history.loading': 'Loading conversations…',
  'history.delete': 'Delete “{title}”',
  'history.deleteQuestion': 'Delete “{title}”? This cannot be undone.',
  'history.confirmDelete': 'Delete',
  'history.cancelDelete': 'Keep',
  'history.running': 'running',
  'history.unopenable': 'cannot be read',
  'history.imported': 'imported',
  'history.readOnly': 'open in another window',

  'time.now': 'now',
  'time.minutes': '{count} min ago',
  'time.hours': '{count} h ago',
  'time.days': '{count} d ago',

  'empty.title': 'What shall we work on?',
  'empty.text':
    'The agent reads your code, and asks before it runs a command. You see its terminals and can type into them.',
  'empty.suggestTests': 'Run the tests and tell me what fails',
  'empty.suggestExplain': 'Explain how this project is put together',
  'empty.suggestFind': 'Find unfinished work in the code (TODO, FIXME)',
  'empty.noFolder': 'Open a folder to start: the agent works on the files of a workspace.',

  'conversation.log': 'Conversation',
  'conversation.loading': 'Loading the conversation…',
  'conversation.showEarlier': 'Show earlier messages',
  'conversation.loadingEarlier': 'Loading earlier messages…',
  'conversation.earlierLoaded': '{count} earlier entries were loaded.',
  'conversation.earlierFailed': 'Earlier messages could not be loaded: {reason}',
  'conversation.retryEarlier': 'Retry',
  'conversation.jumpToLatest': 'Jump to latest',
  'conversation.notFound': 'That conversation no longer exists, so a new one was started.',
  'conversation.eventsMissing': 'Part of the conversation did not arrive from the server.',
  'conversation.retryLoad': 'Try again',
  'conversation.thinking': 'Thinking',
  'conversation.thought': 'Thoughts',
  'conversation.working': 'Working…',
  'conversation.you': 'You',
  'conversation.agent': 'Agent',
  'conversation.sending': 'Sending…',

  'turn.cancelled': 'Stopped by you.',
  'turn.interrupted':
    'The agent was interrupted before it had finished, most likely because its server stopped. Nothing that is shown above was lost.',
  'turn.failed': 'The turn failed.',
  'turn.maxTokens': 'The answer reached the model’s length limit.',
  'turn.budget': 'The turn used up its budget of model calls.',
  'turn.refusal': 'The model declined to answer.',
  'turn.continue': 'Continue',

  'tool.pending': 'waiting',
  'tool.running': 'running',
  'tool.completed': 'done',
  'tool.failed': 'failed',
  'tool.notRun': 'Not run',
  'tool.stopped': 'stopped',
  'tool.inBackground': 'in the background',
  'tool.outputUntilBackground': 'Output until it went to the background:',
  'tool.outputUntilInterrupted': 'Output until the server stopped:',
  'tool.continueInBackground': 'Continue in background',
  'tool.showTerminal': 'Show terminal',
  'tool.waitsForInput': 'Waits for your input',
  'tool.input': 'Input',
  'tool.output': 'Output',
  'tool.noOutput': 'No output',
  'tool.exitCode': 'exit code {code}',
  'tool.signal': 'ended by signal {signal}',
  'tool.showAll': 'Show all {count} lines',
  'tool.showLess': 'Show less',
  'tool.copyOutput': 'Copy output',
  'tool.copyCommand': 'Copy command',
  'tool.terminalLabel': 'Terminal of the running command. You can type into it.',
  'tool.openFile': 'Open {path}',

  'permission.title': 'The agent asks for permission',
  'permission.folder': 'in {folder}',
  'permission.allowOnce': 'Allow',
  'permission.allowAlways': 'Allow exactly this in this conversation',
  'permission.rejectOnce': 'Reject',
  'permission.rejectAlways': 'Reject exactly this in this conversation',
  'permission.chosen': 'You chose: {option}',
  'permission.lapsed': 'The question lapsed without an answer.',

  'composer.label': 'Message to the agent',
  'composer.placeholder': 'Ask the agent, or tell it what to do',
  'composer.sendHint': 'Send (Enter)',
  'composer.stopHint': 'Stop the agent (Escape)',
  'composer.readOnly': 'Another window holds this conversation; here it is read only.',
  'composer.checkAgain': 'Check again',
  'composer.untrusted': 'This folder is not trusted, so the agent can read but not change anything or run commands.',
  'composer.noFolder': 'Open a folder to talk to the agent.',
  'composer.waitingForServer': 'Waiting for the server…',
  'composer.noModel': 'Connect a model first.',
  'composer.pickModel': 'Pick a model below to begin.',
  'composer.sendsAfterPick': 'Pick a model, and your message is sent.',
  'composer.manageTrust': 'Manage trust',
  'composer.notSent': 'Your message was not sent: {reason}',

  'model.label': 'Model',
  'model.pick': 'Pick a model',
  'model.filter': 'Search models',
  'model.none': 'No model',
  'model.loading': 'Looking for models…',
  'model.refresh': 'Look again',
  'model.setApiKey': 'Set API key…',
  'model.context': '{tokens} tokens',

  'setup.title': 'Connect a model',
  'setup.text': 'Any one of these will do. Keys stay in VS Code’s secret storage.',
  'setup.noneFound': 'No provider is configured yet.',
  'setup.noModels': 'reached, but it offers no models',
  'setup.needsKey': 'needs an API key',
  'setup.needsEndpoint': 'needs an endpoint',
  'setup.unreachable': 'not reachable',
  'setup.rejected': 'refused the key',
  'setup.setApiKey': 'Set API key',
  'setup.setEndpoint': 'Set endpoint',
  'setup.retry': 'Look again',

  'usage.tokens': '{input} in · {output} out',
  'usage.label': 'Tokens of the last turn: {input} input, {output} output. Context: {used} of {size}.',
  'usage.labelNoSize': 'Tokens of the last turn: {input} input, {output} output. Context: {used}.',

  'notice.dismiss': 'Dismiss',

  'code.copy': 'Copy code',
  'code.copied': 'Copied',
  'image.alt': 'Image: {alt}',

  'terminal.label': 'Terminal',
  'terminal.none': 'No terminal was chosen for this panel.',
  'terminal.loading': 'Attaching to the terminal…',
  'terminal.gap': '[{count} bytes of output are no longer kept]',
  'terminal.exited': '[exited with code {code}]',
  'terminal.exitedBySignal': '[ended by signal {signal}]',
  'terminal.exitedUnknown': '[ended]',
  'terminal.closed': '[this terminal was closed]',
  'terminal.attachFailed': 'The terminal could not be attached: {reason}',
  'terminal.outputMissing':
    'The server leaves out part of the output. Restart the server if attaching again does not help.',
  'terminal.attachAgain': 'Attach again',
  'terminal.writeFailed': '[input was not delivered: {reason}]',
  'terminal.pasteFailed': '[the clipboard could not be read]',
  'terminal.linkHint': 'Ctrl+click (⌘+click) opens the link',
  'terminal.screenFailed': 'The terminal view could not be loaded: {reason}',

  'find.label': 'Find in the terminal',
  'find.placeholder': 'Find',
  'find.caseSensitive': 'Match case',
  'find.wholeWord': 'Match whole word',
  'find.regex': 'Use regular expression',
  'find.previous': 'Previous match (Enter)',
  'find.next': 'Next match (Shift+Enter)',
  'find.close': 'Close (Escape)',
  'find.none': 'No results',
  'find.count': '{count} results',
  'find.position': '{index} of {count}',

  'paste.question': 'Paste {count} lines? The program here takes each line as if you pressed Enter after it.',
  'paste.paste': 'Paste',
  'paste.oneLine': 'Paste as one line',
  'paste.cancel': 'Cancel',
} as const;

export type StringKey = keyof typeof englishStrings;

const translations = signal<Readonly<Record<string, string>>>({});

/** Puts translations in the place of the English text; keys that are missing stay English. */
export function setTranslations(strings: Readonly<Record<string, string>>): void {
  translations.value = strings;
}

/** The text for `key` with its `{arguments}` filled in. Views that call it are drawn again when translations arrive. */
export function t(key: StringKey, args: Readonly<Record<string, string | number>> = {}): string {
  const text = translations.value[key] ?? englishStrings[key];
  return text.replace(/\{(\w+)\}/g, (placeholder, name: string) => String(args[name] ?? placeholder));
}
