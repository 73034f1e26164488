import {
  commandsForViews,
  methodsForViews,
  notificationsForViews,
  type HostAction,
  type ViewToHost,
} from '../../../server/protocol/panelBridge.ts';

/** A message that was understood, or why it was not. `requestId` is set where the view waits for an answer. */
export type ReadMessage =
  | { readonly message: ViewToHost }
  | { readonly problem: string; readonly requestId?: number; readonly isForbidden?: boolean };

type Fields = Readonly<Record<string, unknown>>;

const maxShownChars = 60;
const maxTextChars = 1_048_576;

/** Reads what came from a webview. Nothing about it is taken for granted. */
export function readViewMessage(value: unknown): ReadMessage {
  if (!isFields(value)) return { problem: 'a message that is no object' };
  switch (value['kind']) {
    case 'ready':
      return { message: { kind: 'ready' } };
    case 'request':
      return readRequest(value);
    case 'cancel':
      return isId(value['id']) ? { message: { kind: 'cancel', id: value['id'] } } : { problem: 'a cancel without id' };
    case 'notification':
      return readNotification(value);
    case 'action': {
      const action = isFields(value['action']) ? readAction(value['action']) : undefined;
      return action ? { message: { kind: 'action', action } } : { problem: `the action ${shown(value['action'])}` };
    }
    default:
      return { problem: `a message of the kind ${shown(value['kind'])}`, ...requestIdOf(value) };
  }
}

function readRequest(value: Fields): ReadMessage {
  const { id, method, params } = value as { id: unknown; method: unknown; params: unknown };
  if (!isId(id)) return { problem: 'a request without id' };
  const known = methodsForViews.find((candidate) => candidate === method);
  if (!known) return { problem: `the method ${shown(method)}`, requestId: id, isForbidden: true };
  if (!isFields(params)) return { problem: `${known} without params`, requestId: id };
  return { message: { kind: 'request', id, method: known, params } };
}

function readNotification(value: Fields): ReadMessage {
  const { method, params } = value as { method: unknown; params: unknown };
  const known = notificationsForViews.find((candidate) => candidate === method);
  if (!known || !isFields(params)) return { problem: `the notification ${shown(method)}` };
  return { message: { kind: 'notification', method: known, params } };
}

function readAction(value: Fields): HostAction | undefined {
  switch (value['action']) {
    case 'runCommand': {
      const command = commandsForViews.find((candidate) => candidate === value['command']);
      return command && { action: 'runCommand', command };
    }
    case 'openSetting': {
      const key = value['key'];
      return typeof key === 'string' && /^[A-Za-z.]{1,100}$/.test(key) ? { action: 'openSetting', key } : undefined;
    }
    case 'openLink': {
      const url = value['url'];
      return typeof url === 'string' && isWebLink(url) ? { action: 'openLink', url } : undefined;
    }
    case 'openFile':
      return readOpenFile(value);
    case 'copyText': {
      const text = value['text'];
      return typeof text === 'string' && text.length <= maxTextChars ? { action: 'copyText', text } : undefined;
    }
    case 'showTerminal': {
      const terminalId = value['terminalId'];
      if (typeof terminalId !== 'string' || !/^[0-9a-f]{32}$/.test(terminalId)) return undefined;
      return { action: 'showTerminal', terminalId };
    }
    case 'manageTrust':
      return { action: 'manageTrust' };
    default:
      return undefined;
  }
}

function readOpenFile(value: Fields): HostAction | undefined {
  const { path, line } = value as { path: unknown; line: unknown };
  if (typeof path !== 'string' || path === '' || path.length > 4_096) return undefined;
  if (line === undefined) return { action: 'openFile', path };
  return Number.isSafeInteger(line) && (line as number) >= 1
    ? { action: 'openFile', path, line: line as number }
    : undefined;
}

function isWebLink(url: string): boolean {
  if (url.length > 8_192 || !URL.canParse(url)) return false;
  return ['http:', 'https:'].includes(new URL(url).protocol);
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isId(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

function requestIdOf(value: Fields): { requestId?: number } {
  return isId(value['id']) ? { requestId: value['id'] } : {};
}

/** Enough of a strange value for the log, and no more. */
function shown(value: unknown): string {
  return (JSON.stringify(value) as string | undefined)?.slice(0, maxShownChars) ?? String(value);
}
