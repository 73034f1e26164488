import * as path from 'node:path';
import { CodedError } from '../../../protocol/errors.ts';
import { errorCode, type FileSystem } from '../../base/fileSystem.ts';
import { Pace } from '../../base/pace.ts';
import { parseChainFileName } from './auditRecord.ts';
import { anchorsFolder } from './chainFile.ts';
import { listChainFiles } from './chainEnds.ts';
import { checkChainFile, type CheckOptions } from './chainFileCheck.ts';
import { keyIdOf, readPublicKeys } from './signingKey.ts';
import { Findings, type AuditNote, type AuditProblem } from './verification.ts';

/** What checking all chains of a folder has found. */
export interface AuditVerdict {
  readonly isIntact: boolean;
  readonly files: number;
  readonly records: number;
  /** The earliest, where there is one. */
  readonly firstBad: AuditProblem | undefined;
  readonly problems: readonly AuditProblem[];
  readonly notes: readonly AuditNote[];
  /** Which keys have signed, and how many files each. */
  readonly keys: readonly { readonly keyId: string; readonly files: number }[];
}

export interface VerifyOptions {
  readonly folder: string;
  readonly fileSystem: FileSystem;
  /** SubjectPublicKeyInfo in base64; without it, every key in `publicKeys` beside the chains is trusted. */
  readonly trustedKeys?: readonly string[];
  readonly signal: AbortSignal;
}

/**
 * Checks every chain of a folder: links, signatures, what chains say of each other, what is missing. Reads each file
 * once, in bounded memory. Rejects with `Unavailable` where a file cannot be read, and with the signal's reason.
 */
export async function verifyAudit(options: VerifyOptions): Promise<AuditVerdict> {
  try {
    return await verifyTwiceAtMost(options);
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined) throw error;
    throw new CodedError(
      'Unavailable',
      `The audit log could not be verified, because it cannot be read (${code}). Make ${options.folder} readable for this user, and try again.`,
      { args: { code }, cause: error },
    );
  }
}

async function verifyTwiceAtMost(options: VerifyOptions): Promise<AuditVerdict> {
  const first = await verifyOnce(options);
  // A file may be deleted by its retention while the others are read; then a second look finds the record of that.
  return first.problems.some(({ reason }) => reason === 'missing') ? verifyOnce(options) : first;
}

async function verifyOnce(options: VerifyOptions): Promise<AuditVerdict> {
  const { folder, fileSystem, signal } = options;
  const findings = new Findings();
  const trusted = options.trustedKeys ?? (await readPublicKeys(folder, fileSystem)).values();
  const check: CheckOptions = { folder, fileSystem, pace: new Pace(signal), trustedKeys: new Set(trusted) };
  const names = await listIfThere(() => listChainFiles(options));
  // The latest first: a file is read after those that speak of it.
  for (const name of names) await checkChainFile(name, check, findings);
  await checkLateClaims(names, check, findings);
  checkFollowers(names, findings);
  await checkStrangers(names, options, findings);
  const problems = findings.sortedProblems;
  return {
    isIntact: problems.length === 0,
    files: names.length,
    records: findings.records,
    firstBad: problems[0],
    problems,
    notes: findings.notes,
    keys: [...findings.filesByKey].map(([publicKey, files]) => ({ keyId: keyIdOf(publicKey), files })),
  };
}

/** Claims about files that are not there; and, where a clock was set back, about files that were read before. */
async function checkLateClaims(names: readonly string[], check: CheckOptions, findings: Findings): Promise<void> {
  const there = new Set(names);
  for (const file of findings.claimedFiles) {
    if (there.has(file)) {
      const again = new Findings();
      for (const claim of findings.takeClaims(file)) again.claim(claim);
      await checkChainFile(file, check, again);
      for (const problem of again.sortedProblems) findings.report(problem);
      continue;
    }
    const [claim] = findings.takeClaims(file);
    if (!claim || isDeleted(file, findings)) continue;
    const message = `Line ${claim.by.line} of ${claim.by.file} speaks of this file, which is gone, and no record says that it was deleted.`;
    findings.report({ file, line: 0, reason: 'missing', message });
  }
}

/** A deletion names its files; where its own record goes, the next one goes on naming those that others speak of. */
function isDeleted(file: string, { deletions }: Findings): boolean {
  return deletions.some(({ files }) => files.some((deleted) => deleted.file === file));
}

function checkFollowers(names: readonly string[], findings: Findings): void {
  const deleted = new Set(findings.deletions.flatMap(({ files }) => files.map(({ file }) => placeOf(file))));
  for (const name of names) {
    if (!findings.toBeFollowed.has(name) || findings.followed.has(name)) continue;
    if (deleted.has(placeOf(name, 1))) continue;
    const message = 'This file says that another one goes on from it, and that one is gone.';
    findings.report({ file: name, line: 0, reason: 'missing', message });
  }
}

function placeOf(name: string, partsLater = 0): string {
  const { instanceId = '', part = 0 } = parseChainFileName(name) ?? {};
  return `${instanceId}-${part + partsLater}`;
}

/** Anchors without their chain, and files that only look like chains. */
async function checkStrangers(
  names: readonly string[],
  { folder, fileSystem }: VerifyOptions,
  findings: Findings,
): Promise<void> {
  // A chain that has begun meanwhile is no stranger. It has its records before its anchors, so that these are listed first.
  const anchors = await listIfThere(() => fileSystem.list(path.join(folder, anchorsFolder)));
  const files = await listIfThere(() => fileSystem.list(folder));
  const known = new Set([...names, ...files.filter((name) => parseChainFileName(name) !== undefined)]);
  for (const inside of ['', anchorsFolder]) {
    for (const name of inside === '' ? files : anchors) {
      if (!name.endsWith('.jsonl') || known.has(name)) continue;
      if (isDeleted(name, findings)) continue;
      const file = inside === '' ? name : `${inside}/${name}`;
      const message = inside === '' ? 'This is no file of any chain.' : 'The chain of these anchors is gone.';
      findings.report({ file, line: 0, reason: inside === '' ? 'foreign' : 'missing', message });
    }
  }
}

async function listIfThere<T>(list: () => Promise<readonly T[]>): Promise<readonly T[]> {
  try {
    return await list();
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}
