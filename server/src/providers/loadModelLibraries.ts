import { CodedError } from '../../protocol/errors.ts';
import { isPartMissing, replacedArguments, replacedText } from '../base/lateParts.ts';

/**
 * The AI SDK, loaded by the first call, since loading it takes longer than everything else at the start of the server. Rejects
 * with `Conflict` where an update has removed it.
 */
export async function loadModelLibraries() {
  try {
    return await import('./modelLibraries.ts');
  } catch (error) {
    if (!isPartMissing(error)) throw error;
    throw new CodedError('Conflict', replacedText, { args: replacedArguments, cause: error });
  }
}
