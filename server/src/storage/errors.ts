import { CodedError } from '../../protocol/errors.ts';
import { errorCode } from '../base/fileSystem.ts';

/** No conversation of that id is stored here. */
export function conversationNotFound(conversationId: string): CodedError {
  return new CodedError(
    'NotFound',
    `There is no conversation ${conversationId}. List the conversations to see which exist.`,
    {
      args: { conversationId },
    },
  );
}

/** The file was written by a newer version; it is left exactly as it is. */
export function unsupportedFormat(fileName: string, version: number): CodedError {
  return new CodedError(
    'Unsupported',
    `${fileName} has format version ${version}, which is newer than this program reads. Update the extension to open it.`,
    { args: { fileName, version } },
  );
}

/** The first record, which says whose conversation it is, cannot be read; the file is left exactly as it is. */
export function unreadableHeader(fileName: string): CodedError {
  return new CodedError(
    'Unavailable',
    `The beginning of ${fileName} is damaged, so the conversation cannot be opened. The file was left as it is; restore it from a backup.`,
    { args: { fileName } },
  );
}

/** Somebody else may write to the conversation, so this caller may not. */
export function heldElsewhere(conversationId: string): CodedError {
  return new CodedError(
    'Conflict',
    `Conversation ${conversationId} is open in another window or program. Go on there, or close it there first.`,
    { args: { conversationId } },
  );
}

/** Somebody else took over because this process did not answer for long, or was taken for dead. */
export function leaseLost(conversationId: string): CodedError {
  return new CodedError(
    'Conflict',
    `Conversation ${conversationId} was taken over by another window or program. What was not acknowledged here is not kept; go on there.`,
    { args: { conversationId } },
  );
}

/** Nobody has asked to write to the conversation. */
export function openedToBeRead(conversationId: string): CodedError {
  return new CodedError('Conflict', `Conversation ${conversationId} was opened to be read, not written.`, {
    args: { conversationId },
  });
}

/** The journal was closed before. */
export function journalClosed(conversationId: string): CodedError {
  return new CodedError('Conflict', `Conversation ${conversationId} was closed. Open it again to go on.`, {
    args: { conversationId },
  });
}

/** The server is going down. */
export function storageClosed(): CodedError {
  return new CodedError(
    'Unavailable',
    'The server is stopping and opens no more conversations. Try again once it is back.',
  );
}

/** Another process has put a shorter file in the place of the journal, and that has not been read yet. */
export function journalExchanged(fileName: string): CodedError {
  return new CodedError(
    'Unavailable',
    `${fileName} is being compacted by another window or program, so earlier messages cannot be read right now. Try again in a moment.`,
    { args: { fileName } },
  );
}

/** More is waiting for the disk than may be kept in memory. */
export function tooMuchWaiting(waitingBytes: number): CodedError {
  return new CodedError(
    'ResourceLimit',
    `${waitingBytes} bytes of this conversation wait for a slow disk already. Wait until they are written, then try again.`,
    { args: { waitingBytes } },
  );
}

/** One event is larger than a record may be. */
export function eventTooLarge(sizeBytes: number, maxBytes: number): CodedError {
  return new CodedError(
    'TooLarge',
    `An event of ${sizeBytes} bytes cannot be kept; ${maxBytes} bytes is the limit. Shorten it.`,
    {
      args: { sizeBytes, maxBytes },
    },
  );
}

/** What the caller wants to append is no event that could be read again. */
export function invalidUpdate(index: number, problem: string): CodedError {
  return new CodedError('InvalidParams', `Update ${index} is no session update: ${problem}.`, { args: { index } });
}

const adviceOf: Readonly<Record<string, string>> = {
  ENOSPC: 'The disk is full. Free some space and try again.',
  EDQUOT: 'The disk quota is used up. Free some space and try again.',
  EFBIG: 'The file has reached the largest size allowed here. Start a new conversation, or raise the limit.',
  EROFS: 'The data folder is on a read-only file system. Make it writable, or choose another data folder.',
  EACCES: 'The data folder may not be written by this user. Mend its permissions, or choose another data folder.',
  EPERM: 'The data folder may not be written by this user. Mend its permissions, or choose another data folder.',
  EIO: 'The disk reports an error. Check it, and keep a copy of the data folder.',
  ENOENT: 'The data folder was removed or moved. Restart the server to make it anew.',
  ENOTDIR: 'A part of the path of the data folder is a file. Choose another data folder.',
  EMFILE: 'Too many files are open. Close some conversations and try again.',
  ENFILE: 'Too many files are open on this machine. Close some programs and try again.',
};

/** The disk refused; `what` was to be done, as in "save the conversation". A `CodedError` passes through. */
export function storageFailed(what: string, error: unknown): CodedError {
  if (error instanceof CodedError) return error;
  const code = errorCode(error) ?? 'unknown error';
  const advice = adviceOf[code] ?? 'Look into the log, and try again.';
  return new CodedError('Unavailable', `Could not ${what} (${code}). ${advice}`, { args: { code }, cause: error });
}

/** The index of conversations cannot be loaded, or failed over a question. */
export function indexBroken(cause?: unknown): CodedError {
  return new CodedError(
    'Unavailable',
    'The index of conversations does not work at the moment, so they cannot be searched; nothing is lost. Try again in a minute; if that does not help, look into the log.',
    { cause },
  );
}
