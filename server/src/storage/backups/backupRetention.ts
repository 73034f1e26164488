import type { BackupReason } from '../../../protocol/backup.ts';

/** What deciding needs to know of a backup. */
export interface KeptBackup {
  readonly id: string;
  readonly number: number;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly reason: BackupReason;
  readonly isGood: boolean;
  /** Sizes in bytes of the parts it consists of, by name. */
  readonly parts: ReadonlyMap<string, number>;
}

export interface RetentionLimits {
  /** The newest of each of so many days, and of so many weeks. */
  readonly days: number;
  readonly weeks: number;
  /** So many that somebody asked for, that were made before an upgrade or a migration, and before a restore. */
  readonly manual: number;
  readonly upgrades: number;
  readonly restores: number;
  /** Of all parts together; the oldest go. */
  readonly maxBytes: number;
}

/**
 * A week back by the day, a month by the week, and what was made before the last changes. Bytes are those of a data
 * folder that is used a lot for years (10,000 conversations of 100 kB are 1 GB), several times over.
 */
export const retentionLimits: RetentionLimits = {
  days: 7,
  weeks: 4,
  manual: 10,
  upgrades: 3,
  restores: 3,
  maxBytes: 4_000_000_000,
};

const dayMs = 86_400_000;
/** 1970 began on a Thursday. */
const dayOf = (at: number): number => Math.floor(at / dayMs);
const weekOf = (at: number): number => Math.floor((dayOf(at) + 3) / 7);

/**
 * The backups that may go. The newest good one never does, nor do those of `wanted`. A damaged one counts for nothing,
 * and goes once there are as many newer good ones as days are kept: until then a person may rescue something from it.
 */
export function expendable(
  backups: readonly KeptBackup[],
  wanted: ReadonlySet<string>,
  limits: RetentionLimits = retentionLimits,
): ReadonlySet<string> {
  const newestFirst = [...backups].sort((a, b) => b.number - a.number);
  const good = newestFirst.filter(({ isGood }) => isGood);
  const kept = new Set<string>(wanted);
  const keep = (some: readonly KeptBackup[], count: number): void => {
    for (const { id } of some.slice(0, count)) kept.add(id);
  };
  keep(good, 1);
  keep(newestOfEach(good, dayOf), limits.days);
  keep(newestOfEach(good, weekOf), limits.weeks);
  keep(ofReasons(good, ['manual']), limits.manual);
  keep(ofReasons(good, ['upgrade', 'migration']), limits.upgrades);
  keep(ofReasons(good, ['restore']), limits.restores);
  for (const damaged of newestFirst.filter(({ isGood }) => !isGood)) {
    const newer = good.filter(({ number }) => number > damaged.number).length;
    if (newer < limits.days) kept.add(damaged.id);
  }
  const remaining = newestFirst.filter(({ id }) => kept.has(id));
  for (const oldest of [...remaining].reverse()) {
    if (bytesOf(remaining.filter(({ id }) => kept.has(id))) <= limits.maxBytes) break;
    if (oldest.id !== good[0]?.id && !wanted.has(oldest.id)) kept.delete(oldest.id);
  }
  return new Set(backups.map(({ id }) => id).filter((id) => !kept.has(id)));
}

/** Bytes of all parts that some of these backups have, each counted once. */
export function bytesOf(backups: readonly Pick<KeptBackup, 'parts'>[]): number {
  const sizes = new Map<string, number>();
  for (const { parts } of backups) for (const [name, sizeBytes] of parts) sizes.set(name, sizeBytes);
  return [...sizes.values()].reduce((sum, sizeBytes) => sum + sizeBytes, 0);
}

function newestOfEach(newestFirst: readonly KeptBackup[], spanOf: (at: number) => number): KeptBackup[] {
  const seen = new Set<number>();
  return newestFirst.filter(({ createdAt }) => {
    const span = spanOf(createdAt);
    return !seen.has(span) && seen.add(span);
  });
}

function ofReasons(backups: readonly KeptBackup[], reasons: readonly BackupReason[]): KeptBackup[] {
  return backups.filter(({ reason }) => reasons.includes(reason));
}
