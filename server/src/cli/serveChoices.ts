import * as path from 'node:path';
import { z } from 'zod';
import { CodedError } from '../../protocol/errors.ts';

/** What of a `serve` its clients notice. Names of hosts are in small letters, folders and files absolute. */
export const serveChoices = z.object({
  host: z.string(),
  allowedHosts: z.array(z.string()),
  tlsCert: z.string().optional(),
  tlsKey: z.string().optional(),
  workspace: z.string().optional(),
});
export type ServeChoices = z.output<typeof serveChoices>;

/** The options that say so; what is left out is as it comes. */
export interface ServeWishes {
  /** 127.0.0.1 if left out. */
  readonly host?: string;
  /** Any that is free for 0, or if left out. */
  readonly port?: number;
  /** Names under which clients may come, beside the host itself. */
  readonly allowedHost?: readonly string[];
  /** Files in PEM; both or neither. */
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly workspace?: string;
}

/** Where the one that runs is, and what it was started with. */
interface StartedServe {
  readonly address: { readonly url: string; readonly pid: number };
  readonly choices: ServeChoices | undefined;
}

/** Where nothing else is said. */
export const defaultHost = '127.0.0.1';

/** What is noted of a `serve` that was started with these options. */
export function choicesOf({ host = defaultHost, allowedHost = [], ...files }: ServeWishes): ServeChoices {
  const { tlsCert, tlsKey, workspace } = files;
  return {
    host: host.toLowerCase(),
    allowedHosts: allowedHost.map((name) => name.toLowerCase()),
    ...(tlsCert !== undefined && { tlsCert: path.resolve(tlsCert) }),
    ...(tlsKey !== undefined && { tlsKey: path.resolve(tlsKey) }),
    ...(workspace !== undefined && { workspace: path.resolve(workspace) }),
  };
}

/**
 * Throws `Conflict` where something was wished for that the one that runs was not started with. Nothing is known of the
 * `choices` of one of an early version.
 */
export function refuseOtherWishes(wishes: ServeWishes, { address, choices }: StartedServe): void {
  const asked = choicesOf(wishes);
  const { protocol, port } = new URL(address.url);
  const runningPort = port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);
  const ignored = [
    wishes.host !== undefined && asked.host !== choices?.host && '--host',
    (wishes.port ?? 0) !== 0 && wishes.port !== runningPort && '--port',
    asked.allowedHosts.some((name) => choices?.allowedHosts.includes(name) !== true) && '--allowed-host',
    ...(['tlsCert', 'tlsKey', 'workspace'] as const).map(
      (choice) => asked[choice] !== undefined && asked[choice] !== choices?.[choice] && optionNames[choice],
    ),
  ].filter((option) => option !== false);
  if (ignored.length === 0) return;
  throw new CodedError(
    'Conflict',
    `A "serve" runs already on this data folder (process ${address.pid}, ${address.url}), but not with this ` +
      `${ignored.join(' and ')}. Nothing was changed: stop that process first, or leave the option away to use it as it is.`,
  );
}

const optionNames = { tlsCert: '--tls-cert', tlsKey: '--tls-key', workspace: '--workspace' } as const;
