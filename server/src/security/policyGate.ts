import { realpath, stat } from 'node:fs/promises';
import * as path from 'node:path';
import { errorCode } from '../base/fileSystem.ts';
import type { Logger } from '../base/logger.ts';
import type { Decision, Effect, EffectPlace } from './effect.ts';
import { secretHeldBy } from './secretFiles.ts';
import { makeVisible } from './visibleText.ts';
import { isInside, resolveRealPath } from './workspacePath.ts';

/** Longer than any command that a person could judge. Linux takes 128 KiB in one argument. */
const maxCommandBytes = 32_768;

/** This server may be an editor's or a script's. */
const noFolder = 'No folder is open. Open a folder in the editor, or start `serve` with `--workspace FOLDER`.';

type ReadEffect = Extract<Effect, { kind: 'readFile' | 'listFiles' | 'searchFiles' }>;
type CommandEffect = Extract<Effect, { kind: 'runCommand' }>;

export interface PolicyGateOptions {
  /**
   * The data folder of this product. Whoever has its token may do all that the server may do, so that no agent comes near
   * it, also where the person has opened a folder that holds it.
   */
  readonly ownFolder: string;
  readonly logger: Logger;
}

/**
 * Decides about every effect of every tool; there is no other way to one. Reading inside the workspace is allowed,
 * secret files, our own and everything outside are denied, commands are asked about each time; what a command of the
 * same conversation prints may be read, and it may be stopped. It never rejects: what cannot be judged is denied.
 */
export class PolicyGate {
  private readonly ownFolder: string;
  private readonly logger: Logger;

  constructor({ ownFolder, logger }: PolicyGateOptions) {
    this.ownFolder = ownFolder;
    this.logger = logger;
  }

  async check(effect: Effect, place: EffectPlace): Promise<Decision> {
    try {
      const folders = await realFoldersOf(place.workspaceFolders);
      if (folders.length === 0) return deny(noFolder);
      const ground: Ground = { folders, own: await realFoldersOf([this.ownFolder]) };
      switch (effect.kind) {
        case 'runCommand':
          return await judgeCommand(effect, place, ground);
        case 'readOutput':
        case 'stopCommand':
          // The conversation's own command, which was asked about when it was started.
          return { outcome: 'allow', path: place.cwd };
        default:
          return await judgeRead(effect, place, ground);
      }
    } catch (error) {
      this.logger.error('An effect could not be judged and was denied', { kind: effect.kind, error });
      return deny('This could not be checked, so it was not done. Try again.');
    }
  }
}

/** Real paths of folders. */
interface Ground {
  /** Of the workspace. */
  readonly folders: readonly string[];
  /** The product's own data folder, if it exists. */
  readonly own: readonly string[];
}

async function judgeRead(effect: ReadEffect, place: EffectPlace, ground: Ground): Promise<Decision> {
  const shown = makeVisible(effect.path);
  // The name is judged before the disk is asked, so that an answer never tells whether a secret file exists.
  const named = secretHeldBy(path.resolve(place.cwd, effect.path.replaceAll('\0', '')));
  if (named !== undefined) return denySecret(shown, named);
  const resolved = await resolveRealPath(effect.path, place.cwd);
  if ('refusal' in resolved) return deny(`${shown} was not read: ${resolved.refusal}. Use another path.`);
  if (!isInside(resolved.path, ground.folders)) return denyOutside(shown);
  if (isOurs(resolved.path, ground)) return denyOwn(shown);
  const held = secretHeldBy(resolved.path);
  if (held !== undefined) return denySecret(shown, held);
  const unsuitable = resolved.exists ? await unsuitableFor(effect.kind, resolved.path) : undefined;
  return unsuitable === undefined ? { outcome: 'allow', path: resolved.path } : deny(`${shown} ${unsuitable}`);
}

async function judgeCommand(
  { commandLine, cwd }: CommandEffect,
  place: EffectPlace,
  ground: Ground,
): Promise<Decision> {
  if (!place.trusted) {
    return deny(
      'Commands do not run in a folder that is not trusted. Ask the person to trust this workspace in the editor.',
    );
  }
  if (commandLine.trim() === '') return deny('The command line is empty. Give a command.');
  if (commandLine.includes('\0')) return deny('The command line holds a NUL character. Leave it out.');
  if (Buffer.byteLength(commandLine) > maxCommandBytes) {
    return deny(`The command line is longer than ${maxCommandBytes} bytes. Put it into a script file.`);
  }
  const shown = makeVisible(cwd);
  const resolved = await resolveRealPath(cwd, place.cwd);
  if ('refusal' in resolved) return deny(`A command cannot run in ${shown}: ${resolved.refusal}. Use another folder.`);
  if (!isInside(resolved.path, ground.folders)) return denyOutside(shown);
  if (isOurs(resolved.path, ground)) return denyOwn(shown);
  if (!resolved.exists) return deny(`The folder ${shown} does not exist. Make it first, or use another.`);
  if (!(await stat(resolved.path)).isDirectory()) return deny(`${shown} is not a folder. Give a folder to run in.`);
  return { outcome: 'ask', detail: makeVisible(commandLine), path: resolved.path };
}

/** Why the thing at `realPath` cannot be used so, or undefined. A FIFO would block its reader, a device has no end. */
async function unsuitableFor(kind: ReadEffect['kind'], realPath: string): Promise<string | undefined> {
  let stats;
  try {
    stats = await stat(realPath);
  } catch (error) {
    // Removed since: the tool will find so itself. Anything else must not pass unjudged.
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  if (!stats.isFile() && !stats.isDirectory()) return 'is a device, a pipe or a socket, which is not read.';
  if (kind === 'readFile' && stats.isDirectory()) return 'is a folder. List it instead.';
  if (kind === 'listFiles' && stats.isFile()) return 'is a file. Read it instead.';
  return undefined;
}

/** Whether it is the product's own. Who has opened a folder deeper within ours means that one. */
function isOurs(realPath: string, { folders, own }: Ground): boolean {
  const chosen = folders.filter((folder) => !own.includes(folder) && isInside(folder, own));
  return isInside(realPath, own) && !isInside(realPath, chosen);
}

/** The real paths of those workspace folders that exist. */
async function realFoldersOf(folders: readonly string[]): Promise<string[]> {
  const real = await Promise.all(
    folders.map((folder) =>
      path.isAbsolute(folder) ? realpath(folder).catch(() => undefined) : Promise.resolve(undefined),
    ),
  );
  return real.filter((folder) => folder !== undefined);
}

function deny(message: string): Decision {
  return { outcome: 'deny', message };
}

function denySecret(shown: string, held: string): Decision {
  return deny(`${shown} is not shown to any model: it may hold ${held}. Ask the person for what you need from it.`);
}

function denyOwn(shown: string): Decision {
  return deny(
    `${shown} belongs to the assistant itself: its token and its records are no business of an agent. Leave it.`,
  );
}

function denyOutside(shown: string): Decision {
  return deny(
    `${shown} is outside the workspace. Use a path inside it, or ask the person to add that folder to the workspace.`,
  );
}
