import { createHash } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import { ptyProtocolVersion } from '../ptyProtocol/limits.ts';

/** Longest path of a Unix socket we use: the system's limit is 104 bytes on macOS, 108 on Linux. */
const maxAddressBytes = 100;

/**
 * Where the host of a data folder listens: in `ptyHostFolder` where that path is short enough, else in a private folder
 * of the session's runtime folder or the temporary one, under a name made from the data folder. On Windows a pipe.
 */
export async function chooseAddress(dataFolder: string, ptyHostFolder: string): Promise<string> {
  const name = createHash('sha256')
    .update(await fs.realpath(dataFolder))
    .digest('hex')
    .slice(0, 16);
  if (process.platform === 'win32') return `\\\\.\\pipe\\ai-dev-assistant-${name}-${ptyProtocolVersion}`;
  const inDataFolder = path.join(ptyHostFolder, `host-${ptyProtocolVersion}.sock`);
  if (fits(inDataFolder)) return inDataFolder;
  for (const base of [process.env['XDG_RUNTIME_DIR'] ?? '', os.tmpdir(), '/tmp']) {
    if (base === '') continue;
    const folder = path.join(base, `ai-dev-assistant-${os.userInfo().uid}`);
    const address = path.join(folder, `${name}-${ptyProtocolVersion}.sock`);
    if (!fits(address)) continue;
    await ensurePrivateFolder(folder);
    return address;
  }
  throw new Error('No folder for the socket of the pty host has a path that is short enough.');
}

/**
 * Makes a folder that only this user can enter, or makes sure that an existing one is such. In a temporary folder
 * anybody may have made it before us.
 */
export async function ensurePrivateFolder(folder: string): Promise<void> {
  await fs.mkdir(folder, { recursive: true, mode: 0o700 });
  if (process.platform === 'win32') return;
  const stat = await fs.lstat(folder);
  if (!stat.isDirectory() || stat.uid !== process.getuid?.()) {
    throw new Error(`${folder} belongs to somebody else; remove it, or set XDG_RUNTIME_DIR to a folder of your own.`);
  }
  if ((stat.mode & 0o077) !== 0) await fs.chmod(folder, 0o700);
}

function fits(address: string): boolean {
  return Buffer.byteLength(address) < maxAddressBytes;
}
