import * as path from 'node:path';
import { errorCode, type FileSystem, type OpenFile } from '../../base/fileSystem.ts';
import type { Pace } from '../../base/pace.ts';
import { AnchorReader, BadAnchor } from './anchorReading.ts';
import {
  auditRecord,
  deletionDetails,
  hashOf,
  maxLineBytes,
  nothingBefore,
  openingDetails,
  witnessDetails,
  type Anchor,
  type AuditRecord,
  type OpeningDetails,
} from './auditRecord.ts';
import { anchorsFolder } from './chainFile.ts';
import { parseJson } from './chainEnds.ts';
import { readLines, type FileLine } from './fileLines.ts';
import { keyIdOf } from './signingKey.ts';
import type { AuditNote, Claim, Findings, ProblemReason } from './verification.ts';

export interface CheckOptions {
  readonly folder: string;
  readonly fileSystem: FileSystem;
  /** SubjectPublicKeyInfo in base64. */
  readonly trustedKeys: ReadonlySet<string>;
  /** Lets others have their turn, and ends the check when nobody waits for it any more. */
  readonly pace: Pace;
}

class BadRecord extends Error {
  readonly line: number;
  readonly reason: ProblemReason;

  constructor(line: number, reason: ProblemReason, message: string) {
    super(message);
    this.line = line;
    this.reason = reason;
  }
}

/**
 * Checks one file of a chain against itself, its anchors and what others have said of it, in one pass and bounded
 * memory. False where the file is not there.
 */
export async function checkChainFile(name: string, options: CheckOptions, findings: Findings): Promise<boolean> {
  const { folder, fileSystem } = options;
  const anchorsFile = path.join(folder, anchorsFolder, name);
  const anchors = await openIfThere(fileSystem, anchorsFile);
  try {
    // Anchors are written after their records, so sizes are taken in the other order: the file may be growing.
    const anchorBytes = anchors ? (await fileSystem.stat(anchorsFile)).sizeBytes : 0;
    const file = await openIfThere(fileSystem, path.join(folder, name));
    if (!file) return false;
    try {
      const { sizeBytes } = await fileSystem.stat(path.join(folder, name));
      const check = new ChainFileCheck(name, options, findings);
      await check.run(file, sizeBytes, anchors && { file: anchors, sizeBytes: anchorBytes });
    } catch (error) {
      if (error instanceof BadAnchor) {
        const { line, reason, message } = error;
        findings.report({ file: `${anchorsFolder}/${name}`, line, reason, message });
      } else if (error instanceof BadRecord) {
        findings.report({ file: name, line: error.line, reason: error.reason, message: error.message });
      } else throw error;
    } finally {
      await file.close();
    }
    return true;
  } finally {
    await anchors?.close();
  }
}

class ChainFileCheck {
  private readonly name: string;
  private readonly options: CheckOptions;
  private readonly findings: Findings;
  private readonly claims: Claim[];
  /** Those that say which record was the last. */
  private readonly endClaims: Claim[] = [];
  private head = nothingBefore;
  private sequence = 0;
  private line = 0;
  private lastAt = '';
  private lastKind = '';
  private stepsBack = 0;
  private reader: AnchorReader | undefined;
  private nextAnchor: Anchor | undefined;
  private lastAnchor: Anchor | undefined;
  private tornBytes = 0;
  /** A record that nothing has signed excuses nothing: whoever can write to the file may have put it there. */
  private unsignedDeletions: Findings['deletions'] = [];

  constructor(name: string, options: CheckOptions, findings: Findings) {
    this.name = name;
    this.options = options;
    this.findings = findings;
    this.claims = findings.takeClaims(name);
  }

  async run(
    file: OpenFile,
    end: number,
    anchors: { readonly file: OpenFile; readonly sizeBytes: number } | undefined,
  ): Promise<void> {
    for await (const line of readLines(file, { end, maxBytes: maxLineBytes })) {
      await this.options.pace.rest();
      if (!line.isWhole) {
        if (line.bytes.byteLength > maxLineBytes)
          throw new BadRecord(line.number, 'unreadable', 'This line is too long.');
        this.tornBytes = line.bytes.byteLength;
        break;
      }
      await this.take(line, anchors);
    }
    this.checkEnd(anchors?.sizeBytes ?? 0);
  }

  private async take(
    { bytes, number }: FileLine,
    anchors: { readonly file: OpenFile; readonly sizeBytes: number } | undefined,
  ): Promise<void> {
    this.line = number;
    const record = auditRecord.safeParse(parseJson(bytes)).data;
    if (!record) throw this.bad('unreadable', 'This line is no record.');
    const hash = hashOf(bytes);
    if (number === 1) {
      const opening = this.takeOpening(record);
      if (anchors) {
        const { publicKey } = opening;
        const reader = { name: this.name, end: anchors.sizeBytes, publicKey, firstRecord: hash };
        this.reader = new AnchorReader(anchors.file, reader);
        this.nextAnchor = await this.reader.next();
      }
    } else if (record.previous !== this.head || record.sequence !== this.sequence + 1) {
      throw this.bad(
        'brokenLink',
        'This record does not go on from the one before it: one of the two was changed, moved or taken out.',
      );
    }
    if (this.lastAnchor?.ended !== undefined) {
      throw this.bad('addedAfterEnd', 'This record stands behind the signed end of its chain.');
    }
    this.head = hash;
    this.sequence = record.sequence;
    if (record.at < this.lastAt) this.stepsBack += 1;
    this.lastAt = record.at;
    this.lastKind = record.kind;
    this.findings.records += 1;
    this.takeWhatItSays(record);
    this.checkClaims();
    await this.checkAnchors();
  }

  private takeOpening(record: AuditRecord): OpeningDetails {
    const opening = openingDetails.safeParse(record.details).data;
    if (!opening || record.kind !== 'chain.opened') {
      throw this.bad('truncated', 'The file does not begin with the record that begins a chain.');
    }
    if (opening.file !== this.name) {
      throw this.bad('foreign', `This is a copy of ${opening.file}, or was renamed.`);
    }
    if (!this.options.trustedKeys.has(opening.publicKey)) {
      throw this.bad(
        'unknownKey',
        `The chain is signed with the key ${keyIdOf(opening.publicKey)}, which is not one of those that are trusted.`,
      );
    }
    const { follows, part } = opening;
    const isFirst = record.previous === nothingBefore && record.sequence === 1;
    if (isFirst !== (part === 1) || isFirst !== (follows === undefined)) {
      throw this.bad('brokenLink', 'The first record does not say rightly what it goes on from.');
    }
    if (follows !== undefined) {
      const { previous: head } = record;
      const by = { file: this.name, line: 1 };
      this.findings.followed.add(follows);
      const end = { file: follows, sequence: record.sequence - 1, head, isLast: true, isEndSigned: false };
      this.findings.claim({ ...end, by });
    }
    const count = this.findings.filesByKey.get(opening.publicKey) ?? 0;
    this.findings.filesByKey.set(opening.publicKey, count + 1);
    return opening;
  }

  private takeWhatItSays(record: AuditRecord): void {
    const by = { file: this.name, line: this.line };
    if (record.kind === 'chain.witnessed') {
      for (const { file, sequence, head, state } of witnessDetails.safeParse(record.details).data?.files ?? []) {
        const isEnded = state === 'ended';
        this.findings.claim({ file, sequence, head, isLast: isEnded, isEndSigned: isEnded, by });
      }
    } else if (record.kind === 'audit.deleted') {
      const details = deletionDetails.safeParse(record.details).data;
      if (details) this.unsignedDeletions.push(details);
    }
  }

  private checkClaims(): void {
    while (this.claims[0]?.sequence === this.sequence) {
      const claim = this.claims.shift();
      if (!claim) return;
      if (claim.head !== this.head) throw this.bad('contradictsWitness', sentenceOf(claim, 'knows another one.'));
      if (claim.isLast) this.endClaims.push(claim);
    }
  }

  private async checkAnchors(): Promise<void> {
    while (this.nextAnchor?.sequence === this.sequence) {
      if (this.nextAnchor.head !== this.head) {
        throw this.bad(
          'contradictsAnchor',
          'This record is not the one that was signed: it or one before it was changed.',
        );
      }
      if (this.lastAnchor?.ended !== undefined)
        throw this.bad('addedAfterEnd', 'The end of this chain was signed twice.');
      this.lastAnchor = this.nextAnchor;
      this.findings.deletions.push(...this.unsignedDeletions);
      this.unsignedDeletions = [];
      this.nextAnchor = await this.reader?.next();
    }
  }

  private checkEnd(anchorBytes: number): void {
    const { lastAnchor, nextAnchor, line, sequence } = this;
    const [claim] = this.claims;
    this.line += 1;
    if (nextAnchor) {
      throw this.bad(
        'truncated',
        `Records up to number ${nextAnchor.sequence} were signed; the file ends before that.`,
      );
    }
    if (claim)
      throw this.bad(
        'truncated',
        sentenceOf(claim, `knows of record ${claim.sequence}, and the file ends before that.`),
      );
    if (!lastAnchor && (line > 1 || anchorBytes > 0))
      throw this.bad('truncated', 'The signatures of this chain are gone.');
    // What was killed as it began has told nothing to anybody.
    if (!lastAnchor) return this.note('unfinished', 1);
    const tooFew = this.endClaims.find((one) => one.sequence < sequence);
    if (tooFew) throw this.bad('addedAfterEnd', sentenceOf(tooFew, `knows record ${tooFew.sequence} as the last.`));
    this.checkEnding(lastAnchor);
    this.note('unsigned', sequence - lastAnchor.sequence);
    this.note('torn', this.tornBytes);
    this.note('clockSetBack', this.stepsBack);
  }

  private checkEnding(lastAnchor: Anchor): void {
    const tornAnchors = this.reader?.tornBytes ?? 0;
    if (lastAnchor.ended === undefined) {
      const wasSigned = this.endClaims.find(({ isEndSigned }) => isEndSigned);
      if (wasSigned)
        throw this.bad('truncated', sentenceOf(wasSigned, 'has seen its end signed, and that signature is gone.'));
      const isOver = this.endClaims.length > 0 || this.lastKind === 'chain.closed';
      if (isOver && tornAnchors > 0)
        throw this.bad('badSignature', 'The signature of the end of this chain was changed.');
      return;
    }
    if (this.tornBytes > 0 || tornAnchors > 0) {
      throw this.bad('addedAfterEnd', 'Something stands behind the signed end of this chain.');
    }
    if (lastAnchor.ended === 'rotated') this.findings.toBeFollowed.add(this.name);
  }

  private note(kind: AuditNote['kind'], count: number): void {
    if (count > 0) this.findings.note({ file: this.name, kind, count });
  }

  private bad(reason: ProblemReason, message: string): BadRecord {
    return new BadRecord(this.line, reason, message);
  }
}

function sentenceOf({ by }: Claim, what: string): string {
  return `Line ${by.line} of ${by.file} ${what}`;
}

async function openIfThere(fileSystem: FileSystem, file: string): Promise<OpenFile | undefined> {
  try {
    return await fileSystem.open(file, 'read');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
