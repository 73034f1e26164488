import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { CodedError } from '../../../protocol/errors.ts';
import type { EditorTerminals, TerminalProfileState } from '../../../protocol/server.ts';
import type { ListedShell } from '../../../protocol/terminal.ts';
import type { Logger } from '../../base/logger.ts';
import type { TerminalWorkspace } from '../ports.ts';
import { loginArguments } from './loginArguments.ts';
import { defaultShell, resolveShell } from './shells.ts';
import { findSystemShells, type SystemShell, type SystemShellSources } from './systemShells.ts';

/** Shells in one answer; no machine has as many. */
const maxShells = 100;

/** A shell that a terminal is to be started with. */
export interface ChosenShell {
  readonly name: string;
  readonly path: string;
  readonly args: readonly string[];
  /** Variables of the editor's profile. */
  readonly env: Readonly<Record<string, string | null>>;
}

type Listed = ListedShell & { readonly env: ChosenShell['env'] };

export interface ShellListOptions {
  readonly workspace: TerminalWorkspace;
  /** Where PATH and the person's own shell come from. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly sources: SystemShellSources;
  readonly logger: Logger;
}

/**
 * The shells that a terminal can be started with: the editor's terminal profiles, then those of the system, as they are
 * at the moment. A shell that a profile with the same arguments offers already is not listed twice.
 */
export class ShellList {
  private readonly options: ShellListOptions;

  constructor(options: ShellListOptions) {
    this.options = options;
  }

  async list(): Promise<ListedShell[]> {
    return (await this.all()).map(({ env: _, ...shell }) => shell);
  }

  /**
   * The shell of that name in the list, in PATH or at that path; the default one if `shell` is left out. Throws
   * `InvalidShell`.
   */
  async choose(shell?: string): Promise<ChosenShell> {
    const isPath = shell !== undefined && path.isAbsolute(shell);
    const listed = isPath
      ? undefined
      : (await this.all()).find(({ name, isDefault }) => (shell === undefined ? isDefault : name === shell));
    if (listed) return listed;
    const { environment } = this.options;
    const file = await resolveShell(shell ?? defaultShell(environment), environment);
    return { name: nameOf(file), path: file, args: [], env: {} };
  }

  private async all(): Promise<readonly Listed[]> {
    const { workspace, environment, sources, logger } = this.options;
    const system = await findSystemShells(sources, environment, logger);
    const profiles = await Promise.all(
      (workspace.terminals?.profiles ?? []).map((profile) => this.ofProfile(profile, system)),
    );
    const listed: Listed[] = [];
    const seen = new Set<string>();
    for (const shell of [...profiles.flatMap((found) => found ?? []), ...system.map(ofSystem)]) {
      const identity = JSON.stringify([await realPathOf(shell.path), shell.args]);
      const isKnown =
        listed.some(({ name }) => name === shell.name) || (shell.source === 'system' && seen.has(identity));
      if (!isKnown && listed.length < maxShells) listed.push(shell);
      seen.add(identity);
    }
    return this.markDefault(listed);
  }

  /** The default of the editor, else the shell it uses, else the person's own; that one is added where it is missing. */
  private async markDefault(listed: Listed[]): Promise<readonly Listed[]> {
    const { workspace, environment } = this.options;
    const wanted = workspace.terminals;
    const byName = listed.find(({ name, source }) => source === 'profile' && name === wanted?.defaultProfile);
    const chosen = byName ?? (await this.byPath(listed, wanted, environment));
    if (chosen && !listed.includes(chosen)) listed.push(chosen);
    return listed.map((shell) => ({ ...shell, isDefault: shell === (chosen ?? listed[0]) }));
  }

  private async byPath(
    listed: readonly Listed[],
    wanted: EditorTerminals | undefined,
    environment: ShellListOptions['environment'],
  ): Promise<Listed | undefined> {
    for (const candidate of [wanted?.defaultShell, defaultShell(environment)]) {
      const file = candidate && (await resolveShell(candidate, environment).catch(ignoreInvalidShell));
      if (!file) continue;
      const real = await realPathOf(file);
      for (const shell of listed) if ((await realPathOf(shell.path)) === real) return shell;
      return ofSystem({
        name: uniqueName(nameOf(file), listed),
        path: file,
        args: loginArguments(file, this.options.sources.platform),
      });
    }
    return undefined;
  }

  /** Undefined where none of its programs is on this machine. */
  private async ofProfile(profile: TerminalProfileState, system: readonly SystemShell[]): Promise<Listed | undefined> {
    const { name, paths, args, env = {}, icon, color } = profile;
    const more = { env, ...(icon !== undefined && { icon }), ...(color !== undefined && { color }) };
    const known = paths.length === 0 ? system.find((shell) => shell.name === profile.system) : undefined;
    const found = known?.path ?? (await this.firstOf(paths));
    if (found === undefined) return undefined;
    return {
      name,
      path: found,
      args: known && args.length === 0 ? [...known.args] : args,
      source: 'profile',
      isDefault: false,
      ...more,
    };
  }

  private async firstOf(candidates: readonly string[]): Promise<string | undefined> {
    for (const candidate of candidates) {
      const file = await resolveShell(candidate, this.options.environment).catch(ignoreInvalidShell);
      if (file !== undefined) return file;
    }
    return undefined;
  }
}

function ofSystem({ name, path, args }: SystemShell): Listed {
  return { name, path, args: [...args], source: 'system', isDefault: false, env: {} };
}

function nameOf(file: string): string {
  return path.basename(file).replace(/\.exe$/i, '');
}

function uniqueName(name: string, listed: readonly Listed[]): string {
  return listed.some((shell) => shell.name === name) ? `${name} (default)` : name;
}

async function realPathOf(file: string): Promise<string> {
  // Some programs of Windows' store cannot be looked into; their own path names them as well.
  return fs.realpath(file).catch(() => file);
}

function ignoreInvalidShell(error: unknown): undefined {
  if (!(error instanceof CodedError && error.reason === 'InvalidShell')) throw error;
}
