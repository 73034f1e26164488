import type { z } from 'zod';
import { backup } from './backup.ts';
import { audit } from './audit.ts';
import { cache } from './cache.ts';
import { command } from './command.ts';
import type { NotificationDeclaration, RequestDeclaration } from './declaration.ts';
import { conversation } from './conversation.ts';
import { editor } from './editor.ts';
import { model } from './model.ts';
import { security } from './security.ts';
import { server } from './server.ts';
import { session } from './session.ts';
import { terminal } from './terminal.ts';

/**
 * Every message that crosses the boundary, declared once. Types, validation, HTTP routes and the documentation are
 * derived from this object; nothing is listed twice.
 */
export const contract = {
  ...server,
  ...terminal,
  ...command,
  ...session,
  ...conversation,
  ...model,
  ...cache,
  ...security,
  ...backup,
  ...audit,
  ...editor,
} as const;

export type Contract = typeof contract;
export type Method = keyof Contract;

type MethodsThat<Declaration> = { [M in Method]: Contract[M] extends Declaration ? M : never }[Method];

/** Requests that a client sends. */
export type ClientToServerMethod = MethodsThat<RequestDeclaration<'clientToServer'>>;
/** Requests that the server sends. */
export type ServerToClientMethod = MethodsThat<RequestDeclaration<'serverToClient'>>;
/** Notifications that a client sends. */
export type ClientNotification = MethodsThat<NotificationDeclaration<'clientToServer'>>;
/** Notifications that the server sends. */
export type ServerNotification = MethodsThat<NotificationDeclaration<'serverToClient'>>;

/** Params as a sender writes them: fields with a default may be left out. */
export type ParamsOf<M extends Method> = z.input<Contract[M]['params']>;
/** Params as a handler receives them: defaults filled in. */
export type ParsedParamsOf<M extends Method> = z.output<Contract[M]['params']>;
/** A request's result. */
export type ResultOf<M extends ClientToServerMethod | ServerToClientMethod> = z.output<Contract[M]['result']>;

/** The declaration of `method` if there is one, whatever string a stranger sent. */
export function declarationOf(method: string): RequestDeclaration | NotificationDeclaration | undefined {
  return Object.hasOwn(contract, method) ? contract[method as Method] : undefined;
}
