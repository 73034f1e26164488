import type { DeletionDetails } from './auditRecord.ts';

/** What is wrong with a record, or with a file as a whole. */
export interface AuditProblem {
  readonly file: string;
  /** From 1; 0 where it is the file as a whole. */
  readonly line: number;
  readonly reason: ProblemReason;
  /** A sentence for a person. */
  readonly message: string;
}

export type ProblemReason =
  | 'unreadable'
  | 'brokenLink'
  | 'badSignature'
  | 'unknownKey'
  | 'contradictsAnchor'
  | 'truncated'
  | 'addedAfterEnd'
  | 'foreign'
  | 'missing'
  | 'contradictsWitness';

/** What is no sign of tampering, but worth knowing. */
export interface AuditNote {
  readonly file: string;
  /** `torn`: its server was killed while it wrote; `unsigned`: its last records came before a signature could. */
  readonly kind: 'torn' | 'unsigned' | 'unfinished' | 'clockSetBack';
  readonly count: number;
}

/** One record says how another file stood. */
export interface Claim {
  readonly file: string;
  readonly sequence: number;
  readonly head: string;
  /** No record came after. */
  readonly isLast: boolean;
  /** It saw the signature that says so. */
  readonly isEndSigned: boolean;
  readonly by: { readonly file: string; readonly line: number };
}

const maxKept = 1_000;

/** Collects what a check finds. Of problems and notes, the first 1,000 are kept; all are counted. */
export class Findings {
  readonly notes: AuditNote[] = [];
  /** Those that were signed. */
  readonly deletions: DeletionDetails[] = [];
  /** Files that another one says it goes on from. */
  readonly followed = new Set<string>();
  /** Files that end with the word that another one goes on. */
  readonly toBeFollowed = new Set<string>();
  readonly filesByKey = new Map<string, number>();
  records = 0;
  private readonly problems: AuditProblem[] = [];
  private readonly claims = new Map<string, Claim[]>();

  report(problem: AuditProblem): void {
    if (this.problems.length < maxKept) this.problems.push(problem);
  }

  note(note: AuditNote): void {
    if (this.notes.length < maxKept) this.notes.push(note);
  }

  claim(claim: Claim): void {
    const known = this.claims.get(claim.file);
    if (known) known.push(claim);
    else this.claims.set(claim.file, [claim]);
  }

  /** Takes the claims about a file out, by number of record. */
  takeClaims(file: string): Claim[] {
    const claims = this.claims.get(file) ?? [];
    this.claims.delete(file);
    return claims.sort((a, b) => a.sequence - b.sequence);
  }

  /** Files that there are still claims about. */
  get claimedFiles(): string[] {
    return [...this.claims.keys()];
  }

  /** The earliest first. */
  get sortedProblems(): AuditProblem[] {
    return this.problems.toSorted((a, b) => (a.file === b.file ? a.line - b.line : a.file < b.file ? -1 : 1));
  }
}
