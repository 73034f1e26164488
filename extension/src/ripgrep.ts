import { existsSync } from 'node:fs';
import * as path from 'node:path';

/**
 * The ripgrep that VS Code carries, if it can be found: in its newer packages one folder a platform, in older ones a
 * single binary, and on the desktop outside the archive that holds the other modules.
 */
export function findRipgrep(appRoot: string): string | undefined {
  const binary = process.platform === 'win32' ? 'rg.exe' : 'rg';
  const platform = `${process.platform}-${process.arch}`;
  const folders = ['node_modules.asar.unpacked', 'node_modules'].flatMap((modules) => [
    path.join(appRoot, modules, '@vscode', 'ripgrep-universal', 'bin', platform),
    path.join(appRoot, modules, '@vscode', 'ripgrep', 'bin'),
  ]);
  return folders.map((folder) => path.join(folder, binary)).find((file) => existsSync(file));
}
