import { CodedError } from '../../../protocol/errors.ts';
import { pathVariable } from './shells.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Ours and the editor's, never for a shell: VS Code's internal variables, what makes Electron run as Node, our keys. */
const removed = [
  /^VSCODE_/,
  /^ELECTRON_/,
  /^AI_DEV_ASSISTANT_/,
  /^APPLICATION_INSIGHTS_NO_/,
  /^CHROME_DESKTOP$/,
  /^GDK_PIXBUF_MODULE/,
  /^(?:OPENAI|ANTHROPIC|GEMINI|GOOGLE|AZURE_OPENAI|OPENAI_COMPATIBLE)_(?:.*_)?(?:API_)?KEY$/,
  /^NODE_CHANNEL_/,
  /^npm_/,
];

/**
 * The complete environment of a new shell: `base` (this server's, which the editor gave it) without what is internal
 * to the editor or to us, then what describes our terminal, then `changes`, where null removes a variable.
 * Throws `InvalidEnvironment` for a name or a value that no process can be given.
 */
export function shellEnvironment(
  base: Environment,
  changes: Readonly<Record<string, string | null>>,
): Record<string, string> {
  const result: Record<string, string> = {};
  const insideEditor = editorPathTest(base);
  for (const [name, value] of Object.entries(base)) {
    if (value === undefined || removed.some((pattern) => pattern.test(name))) continue;
    if (name === pathVariable(base))
      result[name] = value
        .split(pathSeparator)
        .filter((entry) => !insideEditor(entry))
        .join(pathSeparator);
    else if (name !== 'BROWSER' || !insideEditor(value)) result[name] = value;
  }
  Object.assign(result, {
    TERM: 'xterm-256color',
    COLORTERM: 'truecolor',
    TERM_PROGRAM: 'ai-dev-assistant',
  });
  delete result['TERM_PROGRAM_VERSION'];
  if (process.platform !== 'win32') Object.assign(result, utf8Locale(result, process.platform));
  for (const [name, value] of Object.entries(changes)) {
    if (name === '' || /[=\0]/.test(name)) throw invalid(name, 'its name is empty or has "=" or a zero byte in it');
    if (value === null) Reflect.deleteProperty(result, name);
    else if (value.includes('\0')) throw invalid(name, 'its value has a zero byte in it');
    else result[name] = value;
  }
  return result;
}

/**
 * What makes programs write UTF-8, which is what terminals read, where the person's own locale does not: LANG where
 * there is none at all, else only the part of the locale that is about characters. LC_ALL is left as it is, since it
 * is set on purpose.
 */
export function utf8Locale(env: Environment, platform: NodeJS.Platform): Record<string, string> {
  const isSet = (name: string): boolean => env[name] !== undefined && env[name] !== '';
  const inForce = ['LC_ALL', 'LC_CTYPE', 'LANG'].find(isSet);
  // macOS has no C.UTF-8.
  const locale = platform === 'darwin' ? 'en_US.UTF-8' : 'C.UTF-8';
  if (inForce === undefined) return { LANG: locale };
  if (inForce === 'LC_ALL' || /utf-?8/i.test(env[inForce] ?? '')) return {};
  return { LC_CTYPE: locale };
}

const pathSeparator = process.platform === 'win32' ? ';' : ':';

/** VS Code's remote server puts helpers into PATH and BROWSER that point into its own installation and go stale. */
function editorPathTest(base: Environment): (value: string) => boolean {
  const cwd = base['VSCODE_CWD'];
  return (value) =>
    /[\\/](?:remote-cli|bin[\\/]helpers)(?:[\\/]|$)/.test(value) || (cwd !== undefined && cwd !== '' && value === cwd);
}

function invalid(name: string, why: string): CodedError {
  const shown = JSON.stringify(name.slice(0, 100));
  return new CodedError('InvalidEnvironment', `The variable ${shown} cannot be set: ${why}.`, {
    args: { name: shown },
  });
}
