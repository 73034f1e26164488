import * as os from 'node:os';
import * as path from 'node:path';
import * as vscode from 'vscode';
import type { EditorTerminals, TerminalProfileState } from '../../server/protocol/server.ts';

/** The sections that this reads; a change of theirs is a change of what it gives. */
export const editorTerminalsSection = 'terminal.integrated';

const platformNames: Partial<Record<NodeJS.Platform, string>> = { win32: 'windows', darwin: 'osx' };
const platformName = platformNames[process.platform] ?? 'linux';

/** Most that the server takes. */
const maxProfiles = 64;
const maxPaths = 16;
const maxArgs = 64;

/**
 * How VS Code starts its own terminals: profiles, the default one, variables. What a workspace says counts only where
 * it is trusted. A profile or variable that names something unknown is left out, as it cannot mean what it should.
 */
export function readEditorTerminals(): EditorTerminals {
  const profiles = Object.entries(objectSetting(`profiles.${platformName}`)).flatMap(([name, value]) =>
    profileOf(name, value),
  );
  const defaultProfile = setting(`defaultProfile.${platformName}`);
  const { shell } = vscode.env;
  return {
    profiles: profiles.slice(0, maxProfiles),
    ...(isText(defaultProfile, 256) && { defaultProfile }),
    ...(isText(shell, 4096) && { defaultShell: shell }),
    env: variablesOf(objectSetting(`env.${platformName}`)),
  };
}

/** Profiles of other extensions have no path, and null takes a profile away. */
function profileOf(name: string, value: unknown): TerminalProfileState[] {
  if (!isObject(value) || !isText(name, 256) || 'extensionIdentifier' in value) return [];
  const paths = resolvedTexts(value['path']);
  const args = resolvedTexts(value['args']);
  const system = value['source'];
  if (!paths || !args || args.length > maxArgs || (paths.length === 0 && !isText(system, 256))) return [];
  const { icon, color, env } = value;
  return [
    {
      name,
      paths: paths.slice(0, maxPaths),
      args,
      ...(isText(system, 256) && { system }),
      ...(isObject(env) && { env: variablesOf(env) }),
      ...(isText(icon, 256) && { icon }),
      ...(isText(color, 256) && { color }),
    },
  ];
}

/** One text or several; none where it is not set. Undefined where one of them cannot be used. */
function resolvedTexts(value: unknown): string[] | undefined {
  if (value === undefined || value === null) return [];
  const resolved = (Array.isArray(value) ? (value as unknown[]) : [value]).map((text) =>
    isText(text, 4096) ? resolveVariables(text) : undefined,
  );
  return resolved.every((text) => text !== undefined) ? resolved : undefined;
}

function variablesOf(values: Readonly<Record<string, unknown>>): Record<string, string | null> {
  const variables: Record<string, string | null> = {};
  for (const [name, value] of Object.entries(values)) {
    const resolved = value === null ? null : typeof value === 'string' ? resolveVariables(value) : undefined;
    if (isText(name, 1024) && resolved !== undefined && (resolved?.length ?? 0) <= 32_768) variables[name] = resolved;
  }
  return variables;
}

/** The variables of VS Code's settings that mean something without an open file; undefined for any other. */
function resolveVariables(text: string): string | undefined {
  const unknown: string[] = [];
  const resolved = text.replace(/\$\{([^}]*)\}/g, (_, variable: string) => {
    const value = valueOf(variable);
    if (value === undefined) unknown.push(variable);
    return value ?? '';
  });
  return unknown.length === 0 ? resolved : undefined;
}

function valueOf(variable: string): string | undefined {
  const separator = variable.indexOf(':');
  const kind = separator < 0 ? variable : variable.slice(0, separator);
  const argument = separator < 0 ? undefined : variable.slice(separator + 1);
  switch (kind) {
    case 'env':
      return argument === undefined ? undefined : (process.env[argument] ?? '');
    case 'userHome':
      return os.homedir();
    case 'pathSeparator':
    case '/':
      return path.sep;
    case 'workspaceFolder':
      return workspaceFolder(argument);
    case 'workspaceFolderBasename': {
      const folder = workspaceFolder(argument);
      return folder && path.basename(folder);
    }
    default:
      return undefined;
  }
}

/** Programs of a workspace that is not trusted are not run. */
function workspaceFolder(name: string | undefined): string | undefined {
  if (!vscode.workspace.isTrusted) return undefined;
  const folders = vscode.workspace.workspaceFolders ?? [];
  const folder = name === undefined ? folders[0] : folders.find((candidate) => candidate.name === name);
  return folder?.uri.fsPath;
}

function objectSetting(key: string): Readonly<Record<string, unknown>> {
  const value = setting(key);
  return isObject(value) ? value : {};
}

function setting(key: string): unknown {
  const configuration = vscode.workspace.getConfiguration(editorTerminalsSection);
  if (vscode.workspace.isTrusted) return configuration.get(key);
  const levels = configuration.inspect(key);
  const { defaultValue, globalValue } = levels ?? {};
  return isObject(defaultValue) && isObject(globalValue)
    ? { ...defaultValue, ...globalValue }
    : (globalValue ?? defaultValue);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown, maxLength: number): value is string {
  return typeof value === 'string' && value !== '' && value.length <= maxLength;
}
