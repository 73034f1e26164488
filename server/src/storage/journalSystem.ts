import type { Clock } from '../base/clock.ts';
import type { FileSystem, OpenFile } from '../base/fileSystem.ts';
import type { Logger } from '../base/logger.ts';
import type { ProcessTable } from '../base/processTable.ts';
import type { JournalHealth } from './journalHealth.ts';
import type { JournalFold } from './journalFormat.ts';
import type { CompactionLimits, TurnCompactor } from './ports.ts';
import type { ScanResult } from './recordCodec.ts';
import type { ReleasedClaims } from './releasedClaims.ts';

/** What a journal needs of its surroundings. */
export interface JournalSystem {
  readonly fileSystem: FileSystem;
  readonly processes: ProcessTable;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly released: ReleasedClaims;
  readonly health: JournalHealth;
  /** Without it journals are not compacted. */
  readonly compactTurn: TurnCompactor | undefined;
  readonly compactionLimits: CompactionLimits | undefined;
}

/** A journal as it was found. */
export interface OpenedJournal {
  readonly fold: JournalFold;
  readonly scan: ScanResult;
  readonly file: OpenFile;
  /** What the file system answers as the identity of that file. */
  readonly identity: string;
}

/** Which journal. */
export interface JournalPlace {
  readonly path: string;
  readonly fileName: string;
  readonly conversationId: string;
}

/** What a journal is opened in. */
export interface Surroundings {
  readonly system: JournalSystem;
  readonly onClosed: () => void;
}
