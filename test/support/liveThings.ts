import assert from 'node:assert/strict';
import type { HttpServer } from './httpServer.ts';

/** What a running server has that a call can name. */
export type LiveKind =
  'conversation' | 'document' | 'importCursor' | 'terminal' | 'output' | 'token' | 'backup' | 'auditPage';

/** Stands in params for something that is there when the call is made. */
export class LiveReference {
  readonly kind: LiveKind;

  constructor(kind: LiveKind) {
    this.kind = kind;
  }
}

/** What a call ends, moves or answers once only; the next one that names it gets another. */
const usedUpBy: Readonly<Record<string, readonly LiveKind[]>> = {
  'session/delete': ['conversation', 'backup'],
  'conversation/import': ['importCursor'],
  'terminal/close': ['terminal'],
  'terminal/signal': ['terminal'],
  // What is typed may hold the end of the input.
  'terminal/write': ['terminal'],
  'security/revoke': ['token'],
  'security/rotate': ['token'],
  // Older ones make room for newer ones.
  'backup/create': ['backup'],
  'backup/restore': ['backup', 'conversation'],
  'audit/delete': ['auditPage'],
};

/** Things that a server has been asked to make, made when they are needed and again once they are used up. */
export class LiveThings {
  private readonly server: HttpServer;
  private readonly folder: string;
  private readonly names = new Map<LiveKind, string>();

  /** `folder`: where conversations and terminals begin. */
  constructor(server: HttpServer, folder: string) {
    this.server = server;
    this.folder = folder;
  }

  /** `params` with the names of live things in place of the references. */
  async resolve(params: unknown): Promise<unknown> {
    if (params instanceof LiveReference) return this.nameOf(params.kind);
    if (typeof params !== 'object' || params === null || Array.isArray(params)) return params;
    const entries: [string, unknown][] = [];
    for (const [key, value] of Object.entries(params)) {
      entries.push([key, value instanceof LiveReference ? await this.nameOf(value.kind) : value]);
    }
    return Object.fromEntries(entries);
  }

  /** A call of `method` has ended: what it may have used up is made anew for the next one. */
  called(method: string): void {
    for (const kind of usedUpBy[method] ?? []) this.names.delete(kind);
  }

  private async nameOf(kind: LiveKind): Promise<string> {
    const known = this.names.get(kind);
    if (known !== undefined) return known;
    const name = await this.make(kind);
    this.names.set(kind, name);
    return name;
  }

  private async make(kind: LiveKind): Promise<string> {
    switch (kind) {
      case 'conversation':
        return this.answer('session/new', { cwd: this.folder }, 'sessionId');
      case 'document':
        return this.answer(
          'conversation/export',
          { sessionId: await this.nameOf('conversation'), format: 'json' },
          'content',
        );
      case 'importCursor':
        return this.answer('conversation/import', { content: '{', isPart: true }, 'nextCursor');
      case 'terminal':
        // Says again what it is told and runs nothing, whatever is typed into it.
        return this.answer('terminal/create', { shell: 'cat', cwd: this.folder }, 'sessionId');
      case 'output':
        // More than is kept in memory alone.
        return this.answer('terminal/run', { command: 'seq 20000', maxOutputChars: 1_000 }, 'outputId');
      case 'token':
        return this.answer('security/issue', { name: 'live', scope: 'read', hours: 1 }, 'tokenId');
      case 'backup': {
        // So that it can be restored alone.
        await this.nameOf('conversation');
        const { body } = await this.server.call('backup/create', {});
        return (body['backup'] as { id: string }).id;
      }
      case 'auditPage':
        return this.answer('audit/query', { limit: 1 }, 'next');
    }
  }

  private async answer(method: string, params: object, field: string): Promise<string> {
    const { status, body } = await this.server.call(method, params);
    const name = body[field];
    assert.ok(status === 200 && typeof name === 'string', `${method}: ${JSON.stringify(body)}`);
    return name;
  }
}
