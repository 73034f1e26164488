import * as path from 'node:path';
import type { Clock } from '../../base/clock.ts';
import type { Disposable } from '../../base/disposable.ts';
import { errorCode, type FileSystem } from '../../base/fileSystem.ts';
import type { Logger } from '../../base/logger.ts';
import { Pace } from '../../base/pace.ts';
import type { ProcessTable } from '../../base/processTable.ts';
import type { DeletionDetails } from './auditRecord.ts';
import { parseChainFileName } from './auditRecord.ts';
import type { AuditService } from './auditService.ts';
import { anchorsFolder } from './chainFile.ts';
import { listChainFiles, readChainEnds, stateOf } from './chainEnds.ts';
import { checkChainFile } from './chainFileCheck.ts';
import type { SettingsSource } from './ports.ts';
import { readPublicKeys } from './signingKey.ts';
import { Findings } from './verification.ts';

const dayMs = 24 * 60 * 60_000;
const firstAfterMs = 60_000;
/** Files that one record of a deletion names. */
const maxFilesPerRecord = 50;

export interface AuditRetentionOptions {
  readonly folder: string;
  readonly service: AuditService;
  readonly settings: SettingsSource;
  readonly processes: ProcessTable;
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Deletes whole files of ended chains once their last record is older than `audit.retentionDays`, or where a person
 * wants it. What is deleted stands in the chain before it goes, so that no chain that speaks of it is broken.
 */
export class AuditRetention implements Disposable {
  private readonly options: AuditRetentionOptions;
  private readonly abort = new AbortController();
  private timer: Disposable;
  private running: Promise<{ files: number }> | undefined;

  constructor(options: AuditRetentionOptions) {
    this.options = options;
    this.timer = options.clock.after(firstAfterMs, () => void this.sweep());
  }

  dispose(): void {
    this.timer.dispose();
    this.abort.abort(new Error('The audit log is closed.'));
  }

  /** Deletes files whose last record is older than `before` (milliseconds since 1970). One deletion at a time. */
  async delete(before: number, reason: DeletionDetails['reason']): Promise<{ files: number }> {
    while (this.running) await this.running.catch(() => undefined);
    this.running = this.deleteNow(before, reason).finally(() => (this.running = undefined));
    return this.running;
  }

  private async sweep(): Promise<void> {
    const { settings, clock, logger } = this.options;
    const days = settings.get('audit.retentionDays');
    try {
      if (days > 0) await this.delete(clock.now() - days * dayMs, 'retention');
    } catch (error) {
      logger.warn('Old files of the audit log could not be deleted; this is tried again tomorrow', { error });
    }
    this.timer = clock.after(dayMs, () => void this.sweep());
  }

  private async deleteNow(before: number, reason: DeletionDetails['reason']): Promise<{ files: number }> {
    const ended = await this.filesEndedBefore(before);
    const files = [...(await this.namedBefore(ended)), ...ended];
    for (let at = 0; at < files.length; at += maxFilesPerRecord) {
      const some = files.slice(at, at + maxFilesPerRecord);
      const details: DeletionDetails = { before, reason, files: some };
      await this.options.service.record({ kind: 'audit.deleted', details });
      for (const { file } of some) await this.remove(file);
    }
    return { files: ended.length };
  }

  /**
   * Files that are gone already, as deletions named them whose own records go now with `files`, where what stays speaks of
   * them: they are named once more, or they would be missed. What nothing has signed names no file.
   */
  private async namedBefore(files: DeletionDetails['files']): Promise<DeletionDetails['files']> {
    if (files.length === 0) return [];
    const { folder, fileSystem } = this.options;
    const going = new Set(files.map(({ file }) => file));
    const there = await listChainFiles({ folder, fileSystem });
    const missed = await this.spokenOf(there.filter((name) => !going.has(name)));
    for (const name of there) missed.delete(name);
    if (missed.size === 0) return [];
    const trustedKeys = new Set((await readPublicKeys(folder, fileSystem)).values());
    const findings = new Findings();
    const pace = new Pace(this.abort.signal);
    for (const name of going) await checkChainFile(name, { folder, fileSystem, trustedKeys, pace }, findings);
    const named = findings.deletions.flatMap((deletion) => deletion.files).filter(({ file }) => missed.has(file));
    return [...new Map(named.map((one) => [one.file, one])).values()];
  }

  /** Files that chains speak of, or of which only the anchors are left. */
  private async spokenOf(chains: readonly string[]): Promise<Set<string>> {
    const { folder, fileSystem } = this.options;
    const names = new Set(await fileSystem.list(path.join(folder, anchorsFolder)));
    for (const chain of chains) {
      const ends = await readChainEnds({ folder, fileSystem }, chain);
      for (const { file } of ends?.witnessed ?? []) names.add(file);
      if (ends?.opening.follows !== undefined) names.add(ends.opening.follows);
    }
    return names;
  }

  private async filesEndedBefore(before: number): Promise<DeletionDetails['files']> {
    const { folder, fileSystem, processes, service, logger } = this.options;
    const found: DeletionDetails['files'] = [];
    const names = await listChainFiles({ folder, fileSystem }).catch((error: unknown) => {
      if (errorCode(error) === 'ENOENT') return [];
      throw error;
    });
    for (const file of names.reverse()) {
      if (file === service.currentFile || (parseChainFileName(file)?.at ?? Infinity) >= before) continue;
      const ends = await readChainEnds({ folder, fileSystem }, file);
      if (!ends) {
        // It is damaged, and what is damaged is looked at by a person.
        logger.warn('A file of the audit log is kept, since its ends cannot be read', { file });
        continue;
      }
      const { last, head } = ends;
      const isOver = ends.ended !== undefined || (await stateOf(ends, processes)) !== 'open';
      if (isOver && Date.parse(last.at) < before) found.push({ file, sequence: last.sequence, head });
    }
    return found;
  }

  /** The anchors last: without them the rest of a chain would look as if they had been taken away. */
  private async remove(file: string): Promise<void> {
    const { folder, fileSystem } = this.options;
    for (const one of [path.join(folder, file), path.join(folder, anchorsFolder, file)]) {
      await fileSystem.remove(one).catch((error: unknown) => {
        if (errorCode(error) !== 'ENOENT') throw error;
      });
    }
  }
}
