import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { resolveShell } from '../shells/shells.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** How to run one command line. */
export interface PlainShell {
  readonly file: string;
  /** Arguments that run `commandLine`. */
  argsFor(commandLine: string): string[];
}

/** How to run command lines so that the folder in which one ends and the variables it exports carry on to the next. */
export interface CommandShell extends PlainShell {
  /** Folder in which the last command ended; undefined before the first, or where it did not come to its end. */
  lastFolder(): Promise<string | undefined>;
  dispose(): Promise<void>;
}

/**
 * `$1` is the command line, `$2` the file for the variables, `$3` the one for the folder. Each is written beside and
 * renamed, so that a command killed half-way leaves the former state. The state is written from an EXIT trap, because
 * `exit` in the command line ends this shell too. The carried PWD is that of the last command, which may not be where
 * this one starts, so the folder is entered once more; the carried OLDPWD keeps `cd -` working.
 */
const posixScript = `
__ada_command=$1 __ada_variables=$2 __ada_folder=$3
shift 3
__ada_start=$(command pwd -P)
if [ -r "$__ada_variables" ]; then . "$__ada_variables" 2>/dev/null; fi
__ada_old=$OLDPWD
command cd -P -- "$__ada_start"
OLDPWD=$__ada_old
trap '__ada_status=$?
trap - EXIT
{
  export -p > "$__ada_variables.new" && command mv -f "$__ada_variables.new" "$__ada_variables"
  command pwd -P > "$__ada_folder.new" && command mv -f "$__ada_folder.new" "$__ada_folder"
} 2>/dev/null
exit $__ada_status' EXIT
eval "$__ada_command"
`;

/**
 * Bash where there is one, since that is what agents write for, else sh. On Windows PowerShell, where nothing is
 * carried over yet. `folder` is private to us; one pair of files is made in it.
 */
export async function createCommandShell(folder: string, environment: Environment): Promise<CommandShell> {
  const plain = await createPlainShell(environment);
  if (process.platform === 'win32') {
    return { ...plain, lastFolder: () => Promise.resolve(undefined), dispose: () => Promise.resolve() };
  }
  const { file } = plain;
  await fs.mkdir(folder, { recursive: true, mode: 0o700 });
  const variables = path.join(folder, randomUUID());
  const lastFolder = `${variables}.cwd`;
  return {
    file,
    argsFor: (commandLine) => ['-c', posixScript, path.basename(file), commandLine, variables, lastFolder],
    async lastFolder() {
      const text = await fs.readFile(lastFolder, 'utf8').catch(() => '');
      return text === '' ? undefined : text.replace(/\n$/, '');
    },
    async dispose() {
      for (const file of [variables, lastFolder]) await fs.rm(file, { force: true });
    },
  };
}

/** The same shell for one command line alone. */
export async function createPlainShell(environment: Environment): Promise<PlainShell> {
  if (process.platform === 'win32') {
    const file = await resolveShell('pwsh', environment).catch(() => resolveShell('powershell', environment));
    return { file, argsFor: (commandLine) => ['-NoLogo', '-NoProfile', '-Command', commandLine] };
  }
  const file = await resolveShell('bash', environment).catch(() => resolveShell('sh', environment));
  return { file, argsFor: (commandLine) => ['-c', commandLine] };
}
