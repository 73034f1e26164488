import { spawn } from 'node:child_process';

const limitMs = 10_000;

/** Opens the address in the person's browser. Where there is none, the printed address has to do: that is no error. */
export function openInBrowser(url: string): Promise<void> {
  const call = opener(url);
  if (!call) return Promise.resolve();
  return new Promise((resolve) => {
    const child = spawn(call.command, call.args, { detached: true, stdio: 'ignore' });
    child.unref();
    const limit = setTimeout(resolve, limitMs);
    child.once('exit', (code) => {
      clearTimeout(limit);
      if (code !== 0) console.log('No browser could be opened: open the address above yourself.');
      resolve();
    });
    child.once('error', () => {
      clearTimeout(limit);
      console.log('No browser was found: open the address above yourself.');
      resolve();
    });
  });
}

function opener(url: string): { command: string; args: string[] } | undefined {
  if (process.platform === 'darwin') return { command: 'open', args: [url] };
  // In cmd's own syntax & separates commands, so it has to be escaped in an address.
  if (process.platform === 'win32') return { command: 'cmd', args: ['/c', 'start', '""', url.replaceAll('&', '^&')] };
  const hasDisplay = process.env['DISPLAY'] ?? process.env['WAYLAND_DISPLAY'];
  return hasDisplay ? { command: 'xdg-open', args: [url] } : undefined;
}
