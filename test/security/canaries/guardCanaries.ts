import { auditCanaries } from './auditCanaries.ts';
import { doorCanaries } from './doorCanaries.ts';
import { guestCanaries } from './guestCanaries.ts';
import type { GuardCanary } from './guardCanary.ts';
import { policyCanaries } from './policyCanaries.ts';
import { textCanaries } from './textCanaries.ts';
import { tokenCanaries } from './tokenCanaries.ts';
import { transportCanaries } from './transportCanaries.ts';

/** Every guard, with its canary. */
export const guardCanaries: readonly GuardCanary[] = [
  ...doorCanaries,
  ...policyCanaries,
  ...auditCanaries,
  ...textCanaries,
  ...transportCanaries,
  ...tokenCanaries,
  ...guestCanaries,
];
