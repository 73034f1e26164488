import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { DisposableStore, type Disposable } from '../../base/disposable.ts';
import type { Logger } from '../../base/logger.ts';

/** A shell reads the file with its secret within its first instants. After this long nobody will. */
const unreadLimitMs = 60_000;

/** A shell as it is to be started. */
export interface ShellStart {
  /** Absolute path of the program. */
  readonly file: string;
  readonly args: readonly string[];
  /** The complete environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** A shell that reports its commands. */
export interface IntegratedShell {
  readonly start: ShellStart;
  /** Ends each mark of this shell; the pty host is told it, and nobody else. */
  readonly markSecret: string;
  /** Takes the secret back where the shell could not be started. */
  discard(): Promise<void>;
}

export interface ShellIntegrationOptions {
  /** Holds the scripts. */
  readonly scriptsFolder: string;
  /** Private to this server; the secrets on their way to shells stand in it. */
  readonly secretsFolder: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How each shell is told to run our script beside the person's own files, which stay as they are. */
type Injection = (start: ShellStart, scriptsFolder: string) => Pick<ShellStart, 'args' | 'env'>;

/**
 * Makes shells report where they are and where each command begins and ends, by escape sequences that end in a secret.
 * The secret reaches the shell in a file that it deletes once it has read it, so that no program in it ever sees it.
 */
export class ShellIntegration implements Disposable {
  private readonly options: ShellIntegrationOptions;
  private readonly timers = new DisposableStore();

  constructor(options: ShellIntegrationOptions) {
    this.options = options;
  }

  /**
   * The same shell with our script in it; undefined where there is none for it, where its arguments ask for something
   * else than an interactive shell, or where the secret cannot be handed over, which is logged.
   */
  async integrate(start: ShellStart): Promise<IntegratedShell | undefined> {
    const injection = injectionFor(start);
    if (!injection) return undefined;
    const { scriptsFolder, secretsFolder, clock, logger } = this.options;
    const markSecret = randomBytes(32).toString('hex');
    const file = path.join(secretsFolder, randomBytes(16).toString('hex'));
    try {
      await fs.mkdir(secretsFolder, { recursive: true, mode: 0o700 });
      await fs.writeFile(file, `${markSecret}\n`, { mode: 0o600, flag: 'wx' });
    } catch (error) {
      logger.warn('A shell starts without reporting its commands: its secret could not be written', { error });
      return undefined;
    }
    const timer = this.timers.add(
      clock.after(unreadLimitMs, () => {
        this.timers.delete(timer);
        fs.rm(file, { force: true }).catch((error: unknown) => logger.warn('A secret was left behind', { error }));
      }),
    );
    const { args, env } = injection(start, scriptsFolder);
    return {
      start: { file: start.file, args, env: { ...env, AI_DEV_ASSISTANT_MARK_FILE: file } },
      markSecret,
      discard: () => fs.rm(file, { force: true }),
    };
  }

  /** Shells that are just starting keep their files; what is left of them goes with the next server's start. */
  dispose(): void {
    this.timers.dispose();
  }
}

const loginArguments: ReadonlySet<string> = new Set(['-l', '--login', '-il', '-li']);
const plainArguments: ReadonlySet<string> = new Set([...loginArguments, '-i', '--interactive']);
const powerShellArguments: ReadonlySet<string> = new Set(['-nologo', '-login', '-l']);

function injectionFor({ file, args }: ShellStart): Injection | undefined {
  const name = path
    .basename(file)
    .toLowerCase()
    .replace(/\.exe$/, '');
  const isPlain = args.every((argument) => plainArguments.has(argument));
  switch (name) {
    case 'bash':
      // The one of Windows itself only starts another one, in another system.
      return isPlain && !/[\\/]system32[\\/]/i.test(file) ? injectBash : undefined;
    case 'zsh':
      return isPlain ? injectZsh : undefined;
    case 'fish':
      return isPlain ? injectFish : undefined;
    case 'pwsh':
    case 'powershell':
      return args.every((argument) => powerShellArguments.has(argument.toLowerCase())) ? injectPowerShell : undefined;
    default:
      return undefined;
  }
}

/** Bash as a login shell would pass over the script, which therefore reads the login files itself. */
const injectBash: Injection = ({ args, env }, scriptsFolder) => {
  const isLogin = args.some((argument) => loginArguments.has(argument));
  return {
    args: ['--init-file', path.join(scriptsFolder, 'bash.sh').replaceAll('\\', '/'), '-i'],
    env: isLogin ? { ...env, AI_DEV_ASSISTANT_LOGIN: '1' } : env,
  };
};

const injectZsh: Injection = ({ args, env }, scriptsFolder) => {
  const { ZDOTDIR: own, ...others } = env;
  return {
    args,
    env: {
      ...others,
      ZDOTDIR: path.join(scriptsFolder, 'zsh'),
      ...(own !== undefined && { AI_DEV_ASSISTANT_ZDOTDIR: own }),
    },
  };
};

const injectFish: Injection = ({ args, env }, scriptsFolder) => {
  const script = path.join(scriptsFolder, 'fish.fish').replace(/[\\']/g, '\\$&');
  return { args: [...args, '--init-command', `source '${script}'`], env };
};

/** The script is read and run as text, since Windows may forbid to run script files. `-Login` has to stand first. */
const injectPowerShell: Injection = ({ args, env }, scriptsFolder) => {
  const script = path.join(scriptsFolder, 'powerShell.ps1').replaceAll("'", "''");
  const command = `Invoke-Expression (Get-Content -Raw -Encoding UTF8 -LiteralPath '${script}')`;
  return { args: [...args, '-NoExit', '-Command', command], env };
};
