import { CodedError } from '../../../server/protocol/errors.ts';
import { t } from '../strings.ts';

/** The sentence to show for a failed request. */
export function errorText(error: unknown): string {
  return error instanceof CodedError ? error.message : t('error.unexpected', { detail: String(error) });
}
