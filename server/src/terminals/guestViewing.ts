import { CodedError } from '../../protocol/errors.ts';
import { GuestPlaces } from '../base/guests.ts';

/** Of terminals that are watched. Half of a server's subscriptions at the pty host stays for the owner, and for commands. */
const limits = { ofGuest: 128, ofGuests: 512 } as const;

/** What guests may watch: one place for each client and terminal. `take` throws `ResourceLimit`. */
export function guestViewing(): GuestPlaces {
  return new GuestPlaces({ ...limits, refusal });
}

function refusal(of: keyof typeof limits): CodedError {
  const max = limits[of];
  const whose = of === 'ofGuest' ? 'The clients of this token' : 'The clients of all tokens made for others together';
  const message = `${whose} watch ${max} terminals, and may watch no more. Detach from one first.`;
  return new CodedError('ResourceLimit', message, { args: { max } });
}
