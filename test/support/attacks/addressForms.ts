/** A form of a header that names an address, for the port that is listened on. */
export type AddressForm = (port: string) => string;

/** A form as people read it, with `PORT` for the port. */
export function nameOfForm(form: AddressForm): string {
  return form('4000').replaceAll('4000', 'PORT');
}

/** Values of `Host` under which nobody may be answered: other names, other spellings of loopback, other ports. */
export const foreignHosts: readonly AddressForm[] = [
  (port) => `evil.example:${port}`,
  (port) => `127.0.0.1.evil.example:${port}`,
  (port) => `localhost.evil.example:${port}`,
  (port) => `evil.example#127.0.0.1:${port}`,
  (port) => `127.0.0.1@evil.example:${port}`,
  (port) => `evil.example@127.0.0.1:${port}`,
  (port) => `127.0.0.1:${port}.evil.example`,
  (port) => `127.0.0.2:${port}`,
  (port) => `127.1:${port}`,
  (port) => `2130706433:${port}`,
  (port) => `0x7f000001:${port}`,
  (port) => `0177.0.0.1:${port}`,
  (port) => `0.0.0.0:${port}`,
  (port) => `[::]:${port}`,
  (port) => `[::ffff:127.0.0.1]:${port}`,
  (port) => `[::ffff:7f00:1]:${port}`,
  (port) => `localhost..:${port}`,
  (port) => `LOCALHOST.EVIL.EXAMPLE:${port}`,
  (port) => `127.0.0.1:${port},evil.example`,
  (port) => `127.0.0.1:${port} evil.example`,
  (port) => `http://127.0.0.1:${port}`,
  (port) => `127.0.0.1:0${port}`,
  (port) => `127.0.0.1:${Number(port) + 1}`,
  (port) => `127.0.0.1:${port}0`,
  (port) => `*:${port}`,
  () => '127.0.0.1:',
  () => '127.0.0.1:80',
  () => '.',
  () => ':',
];

/** Values of `Origin` that no setting allows: opaque ones, look-alikes, and pages of other servers on this machine. */
export const foreignOrigins: readonly AddressForm[] = [
  () => 'null',
  () => 'https://evil.example',
  () => 'http://localhost.evil.example',
  () => 'http://127.0.0.1.evil.example',
  (port) => `http://evil.example:${port}`,
  (port) => `http://127.0.0.1:${port}`,
  (port) => `http://localhost:${port}`,
  (port) => `https://127.0.0.1:${port}`,
  (port) => `HTTP://127.0.0.1:${port}`,
  (port) => `http://[::1]:${port}`,
  () => 'file://',
  () => 'data:',
  () => 'chrome-extension://abcdefghijklmnop',
  () => 'vscode-webview://abc',
  () => '*',
  () => '',
  () => 'https://evil.example, http://127.0.0.1',
];
