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
export interface CommandShell {
  readonly file: string;
  /** One command to run, with what the one before has left. It is settled by one of its methods once it has ended. */
  prepare(commandLine: string): PreparedCommand;
  dispose(): Promise<void>;
}

/** A command line that is to be run, or runs. */
export interface PreparedCommand {
  readonly args: string[];
  /**
   * Takes over what it has left, for the commands to come; not where one that began later has ended before. Gives the
   * folder in which it ended, undefined where it did not come to its end.
   */
  carryOver(): Promise<string | undefined>;
  /** What it has left is of no use: it went on beside those after it, whose variables are newer. */
  discard(): Promise<void>;
}

/**
 * `$1` is the command line, `$2` the file with the variables carried so far, `$3` the one for those it leaves itself, `$4`
 * the one for its folder. What a command leaves counts only once it has ended in order, so that one in the background, or
 * one killed half-way, changes nothing for the others. The state is written from an EXIT trap, because
 * `exit` in the command line ends this shell too. The carried PWD is that of the last command, which may not be where
 * this one starts, so the folder is entered once more; the carried OLDPWD keeps `cd -` working.
 * Variables can hold secrets, so that nobody else may read what is left.
 */
const posixScript = `
__ada_command=$1 __ada_carried=$2 __ada_variables=$3 __ada_folder=$4
shift 4
__ada_start=$(command pwd -P)
if [ -r "$__ada_carried" ]; then . "$__ada_carried" 2>/dev/null; fi
__ada_old=$OLDPWD
command cd -P -- "$__ada_start"
OLDPWD=$__ada_old
trap '__ada_status=$?
trap - EXIT
{
  umask 077
  export -p > "$__ada_variables.new" && command mv -f "$__ada_variables.new" "$__ada_variables"
  command pwd -P > "$__ada_folder"
} 2>/dev/null
exit $__ada_status' EXIT
eval "$__ada_command"
`;

/**
 * Bash where there is one, since that is what agents write for, else sh. On Windows PowerShell, where nothing is
 * carried over yet. `folder` is private to us; a folder of its own is made in it.
 */
export async function createCommandShell(folder: string, environment: Environment): Promise<CommandShell> {
  const plain = await createPlainShell(environment);
  if (process.platform === 'win32') return carriesNothing(plain);
  const { file } = plain;
  const ownFolder = path.join(folder, randomUUID());
  await fs.mkdir(ownFolder, { recursive: true, mode: 0o700 });
  const carried = path.join(ownFolder, 'carried');
  let prepared = 0;
  /** Number of the command whose variables are carried. */
  let carriedFrom = 0;
  /** What two commands left that end together is taken over one after the other: the disk would do it in any order. */
  let inTurn: Promise<unknown> = Promise.resolve();
  return {
    file,
    prepare(commandLine) {
      const number = ++prepared;
      const variables = path.join(ownFolder, String(number));
      const lastFolder = `${variables}.cwd`;
      const discard = async (): Promise<void> => {
        for (const left of [variables, `${variables}.new`, lastFolder]) await fs.rm(left, { force: true });
      };
      const takeOver = async (): Promise<string | undefined> => {
        const text = await fs.readFile(lastFolder, 'utf8').catch(() => '');
        if (number > carriedFrom) {
          // It left none where it was killed, and what was carried before holds on.
          const wasLeft = await fs.rename(variables, carried).then(
            () => true,
            () => false,
          );
          if (wasLeft) carriedFrom = number;
        }
        await discard();
        return text === '' ? undefined : text.replace(/\n$/, '');
      };
      return {
        args: ['-c', posixScript, path.basename(file), commandLine, carried, variables, lastFolder],
        carryOver() {
          const taken = inTurn.then(takeOver);
          inTurn = taken.catch(() => undefined);
          return taken;
        },
        discard,
      };
    },
    dispose: () => fs.rm(ownFolder, { recursive: true, force: true }),
  };
}

function carriesNothing(plain: PlainShell): CommandShell {
  const nothing = (): Promise<undefined> => Promise.resolve(undefined);
  return {
    file: plain.file,
    prepare: (commandLine) => ({ args: plain.argsFor(commandLine), carryOver: nothing, discard: nothing }),
    dispose: nothing,
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
