import { foreignHosts, foreignOrigins, nameOfForm } from '../../support/attacks/addressForms.ts';
import { sendRaw } from '../../support/attacks/rawConnection.ts';
import type { AttackedServer } from './attackedServer.ts';
import { together, type Attack } from './findings.ts';

/** Every form of a foreign Host and Origin, with the right token, on every way in. */
export function addressAttacks(server: AttackedServer): Attack[] {
  const hosts = foreignHosts.map((form) => ({
    attack: `Host: ${nameOfForm(form)}`,
    expected: '421 BadHost',
    run: async () => together(await server.everywhere({ host: form(server.port) }, { health: true })),
  }));
  const origins = foreignOrigins.map((form) => ({
    attack: `Origin: ${nameOfForm(form)}`,
    expected: '403 BadOrigin',
    run: async () => together(await server.everywhere({ origin: form(server.port) }, { health: true })),
  }));
  return [...hosts, ...origins, ...repeated(server)];
}

/** Headers that stand twice, of which two readers may each believe another one. */
function repeated(server: AttackedServer): Attack[] {
  const request = (headers: readonly string[]): string =>
    ['GET /health HTTP/1.1', ...headers, 'Connection: close', '', ''].join('\r\n');
  const ours = `Host: 127.0.0.1:${server.port}`;
  const forms: [string, readonly string[]][] = [
    ['a second Host', [ours, 'Host: evil.example']],
    ['a second Host in front', ['Host: evil.example', ours]],
    ['the same Host twice', [ours, ours]],
    ['a second Origin', [ours, 'Origin: http://evil.example', 'Origin: null']],
  ];
  return forms.map(([attack, headers]) => ({
    attack,
    expected: 'refused',
    run: async () => refusedOr(await sendRaw(server.http, request(headers))),
  }));
}

/** `refused` for an answer of 4xx, or none at all; the first line otherwise. */
export function refusedOr(answer: string): string {
  const line = answer.split('\r\n', 1)[0] ?? '';
  return line === '' || /^HTTP\/1\.1 4\d\d /.test(line) ? 'refused' : line;
}
