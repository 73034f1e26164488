/** A contract's version. Minors only add; a different major is refused with a clear error. */
export interface ContractVersion {
  readonly major: number;
  readonly minor: number;
}

export const contractVersion: ContractVersion = { major: 1, minor: 0 };

/** Both sides accept the same major, and a minor that differs by one at most. */
export function isCompatible(ours: ContractVersion, theirs: ContractVersion): boolean {
  return ours.major === theirs.major && Math.abs(ours.minor - theirs.minor) <= 1;
}
