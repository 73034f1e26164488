import { CodedError } from '../../protocol/errors.ts';

/** Another process may write to the conversation, so this one may not. */
export function heldElsewhere(): CodedError {
  return new CodedError(
    'Conflict',
    'Another window or program holds this conversation, so here it can only be read. Go on there, or close it there; ' +
      'a `serve` lets go of it within six minutes of its last use.',
  );
}

/** A conversation has one turn at a time. */
export function turnIsRunning(): CodedError {
  return new CodedError('Conflict', 'A turn is running in this conversation. Wait for its end, or stop it first.');
}
