import type { AuditKind } from '../../../protocol/audit.ts';

/**
 * How each kind of event is recorded. `waits`: what it tells of is privileged, so it is done only once the record is
 * durable, and not at all where it cannot be kept. `floods`: a stranger can cause any number of them, so that beyond a
 * few a minute they are counted and told as one.
 */
export const auditTreatment = {
  'authentication.failed': { waits: false, floods: true },
  'request.refused': { waits: false, floods: true },
  'permission.decided': { waits: false, floods: false },
  'permission.answered': { waits: true, floods: false },
  'command.run': { waits: true, floods: false },
  'terminal.created': { waits: true, floods: false },
  'terminal.input': { waits: true, floods: false },
  'file.written': { waits: true, floods: false },
  'token.changed': { waits: true, floods: false },
  'secret.changed': { waits: false, floods: false },
  'setting.changed': { waits: false, floods: false },
  'trust.changed': { waits: false, floods: false },
  'deployment.changed': { waits: true, floods: false },
  'conversation.deleted': { waits: false, floods: false },
  'conversation.imported': { waits: false, floods: false },
  'backup.created': { waits: false, floods: false },
  'backup.restored': { waits: true, floods: false },
  // What the log tells of itself.
  'chain.opened': { waits: false, floods: false },
  'chain.witnessed': { waits: false, floods: false },
  'chain.closed': { waits: false, floods: false },
  'audit.missed': { waits: false, floods: false },
  'audit.deleted': { waits: true, floods: false },
} as const satisfies Record<AuditKind, { readonly waits: boolean; readonly floods: boolean }>;

/** The agent that acts, where it is not the client itself. */
export interface ActingAgent {
  readonly persona?: string;
  readonly conversationId: string;
  readonly toolCallId?: string;
}

/** Something to be recorded. Who did it and its correlation id are taken from the request that is being answered. */
export interface AuditEvent {
  readonly kind: AuditKind;
  readonly outcome?: string;
  readonly agent?: ActingAgent;
  /** Who did it, where that is not the client whose request is being answered. */
  readonly by?: AuditActor;
  /** Facts, as JSON. Secrets are taken out, and what is too long is cut, before anything is kept. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** The details are the words of somebody who was not let in: less of them is kept, and nothing that could be a token. */
  readonly isForeign?: boolean;
}

/** Who did it: a person or a program by way of `via`, an agent on behalf of one, or the server by itself. */
export interface AuditActor {
  readonly kind: 'person' | 'agent' | 'client' | 'server';
  /** How it reached this server: `editor`, `lsp`, `http`, `commandLine`. */
  readonly via?: string;
  /** The client within its server; and the id of the token that it has shown. */
  readonly client?: string;
  readonly token?: string;
  readonly persona?: string;
  readonly conversationId?: string;
  readonly toolCallId?: string;
}
