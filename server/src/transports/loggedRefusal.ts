import { CodedError } from '../../protocol/errors.ts';
import type { Router } from '../rpc/router.ts';
import { refusalOf, type HttpRefusal } from './httpAnswer.ts';

/** `refusal` of a request that calls no method, by somebody who has been let in, with the id under which the log has it. */
export function loggedRefusal(router: Router, path: string, refusal: HttpRefusal): HttpRefusal {
  const { reason, message } = refusal;
  const { correlationId } = refusalOfError(router, path, new CodedError(reason, message));
  return { ...refusal, correlationId: correlationId ?? '' };
}

/** As `loggedRefusal`, for what was thrown; what nobody expected crosses as `Internal`. */
export function refusalOfError(router: Router, path: string, error: unknown): HttpRefusal {
  return refusalOf(router.refuse(error, { method: path, client: 'http' }));
}
