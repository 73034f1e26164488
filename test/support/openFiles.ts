import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** What this process holds open under `folder`, and its file watches; empty where the platform does not tell. */
export function openFilesUnder(folder: string): string[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc/self/fd').flatMap((descriptor) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${descriptor}`);
      if (target.startsWith(folder)) return [target];
      if (!target.endsWith('inotify')) return [];
      return readFileSync(`/proc/self/fdinfo/${descriptor}`, 'latin1')
        .split('\n')
        .filter((line) => line.startsWith('inotify'));
    } catch (error) {
      // The descriptor of the listing itself is gone by now.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  });
}
