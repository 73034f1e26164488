import type { Database, SqlJsStatic, SqlValue, Statement } from 'sql.js';
import type { JournalHeader } from '../conversationJournal.ts';
import { ConversationFold, emptyFold, type FoldState, type NewDocument, type UsageChange } from './conversationFold.ts';
import type { IndexedConversation, KeyedUsage, SearchHit, UsageReport, UsageTotals } from './indexedConversation.ts';
import { pragmas, schema, schemaVersion } from './indexSchema.ts';
import { markEnd, markStart, readSnippet, toIndexed, toMatchExpression } from './searchText.ts';

const snippetTokens = 18;
/** Of one conversation among the hits of a search, so that a long one does not hide the others. */
const maxHitsPerConversation = 3;
/** Hits that are looked at for one search. */
const maxHitsLookedAt = 5_000;

/** How far a journal has been folded. */
export interface JournalMark {
  readonly sizeBytes: number;
  /** Milliseconds since 1970. */
  readonly modifiedAt: number;
  readonly foldedBytes: number;
  /** What `checksumBefore` gives for `foldedBytes`. */
  readonly tailChecksum: number;
}

/** A journal as the index knows it. `header` and `fold` are undefined where it could not be read. */
export interface KnownJournal extends JournalMark {
  readonly header: JournalHeader | undefined;
  readonly fold: FoldState | undefined;
}

export interface JournalName {
  readonly workspace: string;
  readonly conversationId: string;
}

/** The tables of the index, in memory. Every method is one change or one question; none of them waits. */
export class IndexDatabase {
  private readonly database: Database;
  private readonly statements = new Map<string, Statement>();
  private inTransaction = false;

  private constructor(database: Database) {
    this.database = database;
  }

  static create(sqlJs: SqlJsStatic): IndexDatabase {
    const database = new sqlJs.Database();
    database.run(pragmas);
    database.run(schema);
    return new IndexDatabase(database);
  }

  /** Undefined if `image` has another schema version. Throws if it is no database. */
  static open(sqlJs: SqlJsStatic, image: Uint8Array): IndexDatabase | undefined {
    const database = new sqlJs.Database(image);
    try {
      const version = database.exec('PRAGMA user_version')[0]?.values[0]?.[0];
      if (version === schemaVersion) {
        database.run(pragmas);
        return new IndexDatabase(database);
      }
    } catch (error) {
      database.close();
      throw error;
    }
    database.close();
    return undefined;
  }

  get sizeBytes(): number {
    const pages = this.first('PRAGMA page_count')?.[0];
    return Number(pages) * 4_096;
  }

  /** The whole as an SQLite file. Takes time in proportion to its size, all of it at a stretch. */
  export(): Uint8Array {
    this.commit();
    for (const statement of this.statements.values()) statement.free();
    this.statements.clear();
    const image = this.database.export();
    // Exporting closes and opens the database, which forgets these.
    this.database.run(pragmas);
    return image;
  }

  close(): void {
    for (const statement of this.statements.values()) statement.free();
    this.statements.clear();
    this.database.close();
  }

  /** Every journal that the index has, readable or not. */
  marks(): (JournalName & JournalMark)[] {
    const sql = 'SELECT workspace, id, sizeBytes, modifiedAt, foldedBytes, tailChecksum FROM conversation';
    return this.all(sql).map(([workspace, id, sizeBytes, modifiedAt, foldedBytes, tailChecksum]) => ({
      workspace: String(workspace),
      conversationId: String(id),
      sizeBytes: Number(sizeBytes),
      modifiedAt: Number(modifiedAt),
      foldedBytes: Number(foldedBytes),
      tailChecksum: Number(tailChecksum),
    }));
  }

  journal({ workspace, conversationId }: JournalName): KnownJournal | undefined {
    const sql =
      'SELECT sizeBytes, modifiedAt, foldedBytes, tailChecksum, header, fold FROM conversation WHERE workspace = ? AND id = ?';
    const row = this.first(sql, [workspace, conversationId]);
    if (row === undefined) return undefined;
    const [sizeBytes, modifiedAt, foldedBytes, tailChecksum, header, fold] = row;
    return {
      sizeBytes: Number(sizeBytes),
      modifiedAt: Number(modifiedAt),
      foldedBytes: Number(foldedBytes),
      tailChecksum: Number(tailChecksum),
      header: typeof header === 'string' ? (JSON.parse(header) as JournalHeader) : undefined,
      fold: typeof fold === 'string' ? (JSON.parse(fold) as FoldState) : undefined,
    };
  }

  /** Every conversation that could be read. */
  conversations(): IndexedConversation[] {
    const sql = 'SELECT workspace, header, fold FROM conversation WHERE header IS NOT NULL';
    return this.all(sql).map(([workspace, header, fold]) => toConversation(String(workspace), header, fold));
  }

  conversation({ workspace, conversationId }: JournalName): IndexedConversation | undefined {
    const sql = 'SELECT header, fold FROM conversation WHERE workspace = ? AND id = ? AND header IS NOT NULL';
    const row = this.first(sql, [workspace, conversationId]);
    return row && toConversation(workspace, row[0], row[1]);
  }

  /** Notes a journal that cannot be read, so that it is not read again before it changes. */
  putUnreadable(name: JournalName, mark: JournalMark): void {
    this.remove(name);
    this.putJournal(name, mark, [null, null]);
  }

  /** Adds what a part of a journal says. What is known of that journal then reaches up to `mark`. */
  add(
    name: JournalName,
    { mark, header, fold }: { mark: JournalMark; header: JournalHeader; fold: ConversationFold },
  ): IndexedConversation {
    this.begin();
    const [headerText, foldText] = [JSON.stringify(header), JSON.stringify(fold.state)];
    const number = this.putJournal(name, mark, [headerText, foldText]);
    for (const document of fold.documents) this.addDocument(number, document);
    for (const [path, place] of fold.files) this.addFile(number, path, place);
    for (const change of fold.usage) this.addUsage(number, change);
    return toConversation(name.workspace, headerText, foldText);
  }

  remove({ workspace, conversationId }: JournalName): void {
    const row = this.first('SELECT number FROM conversation WHERE workspace = ? AND id = ?', [
      workspace,
      conversationId,
    ]);
    if (row === undefined) return;
    this.begin();
    const number = row[0] ?? null;
    this.run('DELETE FROM search WHERE docid IN (SELECT number FROM document WHERE conversation = ?)', [number]);
    this.run('DELETE FROM document WHERE conversation = ?', [number]);
    this.run('DELETE FROM usage WHERE conversation = ?', [number]);
    this.run('DELETE FROM conversation WHERE number = ?', [number]);
  }

  /** Ends a group of changes; what is searched later is then found faster. */
  commit(): void {
    if (!this.inTransaction) return;
    this.run('COMMIT');
    this.inTransaction = false;
  }

  /** The hits of a query, the latest first; those of one workspace if it is given. */
  search(query: string, limit: number, workspace: string | undefined): SearchHit[] {
    const match = toMatchExpression(query);
    if (match === undefined) return [];
    // The snippet comes last: it is made only for rows that are looked at.
    const sql = `SELECT c.workspace, c.header, c.fold, c.number, d.kind, d.sequence, d.at,
        snippet(search, '${markStart}', '${markEnd}', '…', -1, ${snippetTokens})
      FROM search JOIN document d ON d.number = search.docid JOIN conversation c ON c.number = d.conversation
      WHERE search MATCH ? ${workspace === undefined ? '' : 'AND c.workspace = ?'}
      ORDER BY search.docid DESC LIMIT ${maxHitsLookedAt}` as const;
    const hits: SearchHit[] = [];
    const hitsOf = new Map<SqlValue, number>();
    const statement = this.prepare(sql, workspace === undefined ? [match] : [match, workspace]);
    while (hits.length < limit && statement.step()) {
      const [place, header, fold, number = null, kind, sequence, at, marked] = statement.get();
      const count = hitsOf.get(number) ?? 0;
      if (count >= maxHitsPerConversation) continue;
      hitsOf.set(number, count + 1);
      hits.push({
        conversation: toConversation(String(place), header, fold),
        kind: String(kind) as SearchHit['kind'],
        sequence: Number(sequence),
        at: Number(at),
        ...readSnippet(String(marked)),
      });
    }
    statement.reset();
    return hits;
  }

  /** Sums of the days from `fromDay` to `toDay`, both included; of one workspace if it is given. */
  usage(filter: { fromDay: string; toDay: string; workspace: string | undefined }): UsageReport {
    const where =
      `day >= ? AND day <= ? ${filter.workspace === undefined ? '' : 'AND conversation IN (SELECT number FROM conversation WHERE workspace = ?)'}` as const;
    const params = [filter.fromDay, filter.toDay, ...(filter.workspace === undefined ? [] : [filter.workspace])];
    const sums = 'sum(turns), sum(inputTokens), sum(outputTokens), sum(cost)';
    const by = (column: 'day' | 'model' | 'persona'): KeyedUsage[] => {
      const sql = `SELECT ${column}, ${sums} FROM usage WHERE ${where} GROUP BY ${column} ORDER BY ${column}` as const;
      return this.all(sql, params).map(([key, ...values]) => ({ key: String(key), ...toTotals(values) }));
    };
    const total = toTotals(this.first(`SELECT ${sums} FROM usage WHERE ${where}` as const, params) ?? []);
    return { total, byDay: by('day'), byModel: by('model'), byPersona: by('persona') };
  }

  private putJournal(
    { workspace, conversationId }: JournalName,
    mark: JournalMark,
    [header, fold]: readonly [string | null, string | null],
  ): number {
    this.begin();
    const sql = `INSERT INTO conversation (workspace, id, sizeBytes, modifiedAt, foldedBytes, tailChecksum, header, fold)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (workspace, id) DO UPDATE SET sizeBytes = excluded.sizeBytes,
      modifiedAt = excluded.modifiedAt, foldedBytes = excluded.foldedBytes, tailChecksum = excluded.tailChecksum,
      header = excluded.header, fold = excluded.fold RETURNING number`;
    const { sizeBytes, modifiedAt, foldedBytes, tailChecksum } = mark;
    const values = [workspace, conversationId, sizeBytes, modifiedAt, foldedBytes, tailChecksum, header, fold];
    return Number(this.first(sql, values)?.[0]);
  }

  private addDocument(conversation: number, { kind, sequence, at, text, continues }: NewDocument): void {
    if (continues) {
      const sql = 'SELECT max(number) FROM document WHERE conversation = ? AND kind = ?';
      const number = this.first(sql, [conversation, kind])?.[0] ?? null;
      if (number !== null) {
        this.run('UPDATE search SET text = text || ? WHERE docid = ?', [toIndexed(text), number]);
        return;
      }
    }
    if (kind === 'title') {
      const older =
        "DELETE FROM search WHERE docid IN (SELECT number FROM document WHERE conversation = ? AND kind = 'title')";
      this.run(older, [conversation]);
      this.run("DELETE FROM document WHERE conversation = ? AND kind = 'title'", [conversation]);
    }
    this.insertDocument([conversation, kind, sequence, at, null], text);
  }

  private addFile(conversation: number, path: string, { sequence, at }: { sequence: number; at: number }): void {
    const known = "SELECT 1 FROM document WHERE conversation = ? AND kind = 'file' AND path = ?";
    if (this.first(known, [conversation, path]) === undefined) {
      this.insertDocument([conversation, 'file', sequence, at, path], path);
    }
  }

  private insertDocument(values: SqlValue[], text: string): void {
    const sql = 'INSERT INTO document (conversation, kind, sequence, at, path) VALUES (?, ?, ?, ?, ?) RETURNING number';
    const number = this.first(sql, values)?.[0] ?? null;
    this.run('INSERT INTO search (docid, text) VALUES (?, ?)', [number, toIndexed(text)]);
  }

  private addUsage(conversation: number, change: UsageChange): void {
    const sql = `INSERT INTO usage VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
      turns = turns + excluded.turns, inputTokens = inputTokens + excluded.inputTokens,
      outputTokens = outputTokens + excluded.outputTokens, cost = cost + excluded.cost`;
    const { at, model, persona, turns, inputTokens, outputTokens, cost } = change;
    this.run(sql, [conversation, dayOf(at), model, persona, turns, inputTokens, outputTokens, cost]);
  }

  private begin(): void {
    if (this.inTransaction) return;
    this.run('BEGIN');
    this.inTransaction = true;
  }

  private run(sql: string, params: SqlValue[] = []): void {
    const statement = this.prepare(sql, params);
    statement.step();
    statement.reset();
  }

  private first(sql: string, params: SqlValue[] = []): SqlValue[] | undefined {
    const statement = this.prepare(sql, params);
    const row = statement.step() ? statement.get() : undefined;
    statement.reset();
    return row;
  }

  private all(sql: string, params: SqlValue[] = []): SqlValue[][] {
    const rows: SqlValue[][] = [];
    const statement = this.prepare(sql, params);
    while (statement.step()) rows.push(statement.get());
    statement.reset();
    return rows;
  }

  /** Statements are kept, since the same few are used again and again. */
  private prepare(sql: string, params: SqlValue[]): Statement {
    let statement = this.statements.get(sql);
    if (statement === undefined) {
      statement = this.database.prepare(sql);
      this.statements.set(sql, statement);
    }
    statement.bind(params);
    return statement;
  }
}

/** The day of a time as people of this machine see it: `2026-01-31`. */
export function dayOf(at: number): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return '1970-01-01';
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${String(date.getFullYear()).padStart(4, '0')}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

function toConversation(
  workspace: string,
  headerText: SqlValue | undefined,
  foldText: SqlValue | undefined,
): IndexedConversation {
  const { conversationId, cwd, createdAt, imported } = JSON.parse(String(headerText)) as JournalHeader;
  const fold = typeof foldText === 'string' ? (JSON.parse(foldText) as FoldState) : emptyFold(createdAt);
  const { updatedAt, title, firstText, persona, model, inputTokens, outputTokens, cost, state } = fold;
  const known = { conversationId, workspace, cwd, createdAt, updatedAt, title: title ?? firstText };
  return {
    ...known,
    ...(imported && { importedAt: imported.at }),
    persona,
    model,
    inputTokens,
    outputTokens,
    cost,
    state,
  };
}

function toTotals([turns, inputTokens, outputTokens, cost]: readonly (SqlValue | undefined)[]): UsageTotals {
  return {
    turns: Number(turns ?? 0),
    inputTokens: Number(inputTokens ?? 0),
    outputTokens: Number(outputTokens ?? 0),
    cost: Number(cost ?? 0),
  };
}
