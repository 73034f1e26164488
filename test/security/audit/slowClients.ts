import { RawConnection, upgradeRequest } from '../../support/attacks/rawConnection.ts';
import { outcome, type AttackedServer } from './attackedServer.ts';
import type { Attack } from './findings.ts';

/** A connection without a token has 10 s, a body 30 s; the library looks once a second, and busy machines are late. */
const strangerLimitMs = 20_000;
const bodyLimitMs = 45_000;
const everyMs = 500;
const manyStrangers = 1_100;

/** Those who hold a connection for as long as they can, and those who come in great number. All at once. */
export function slowClientAttacks(server: AttackedServer): Attack[] {
  const head = `POST /api/server/health HTTP/1.1\r\nHost: ${server.http.url.host}\r\n`;
  const bearer = `Authorization: Bearer ${server.http.token}\r\n`;
  const drip = (begin: string, piece: string, limitMs: number) => async (): Promise<string> => {
    const connection = await RawConnection.open(server.http);
    connection.socket.write(begin);
    const timer = setInterval(() => {
      if (connection.socket.writable && piece !== '') connection.socket.write(piece);
    }, everyMs);
    try {
      await connection.ended('its time', limitMs);
      return 'sent away';
    } finally {
      clearInterval(timer);
      connection.socket.destroy();
    }
  };
  const slow: readonly [attack: string, begin: string, piece: string, limitMs: number][] = [
    ['a connection that says nothing', '', '', strangerLimitMs],
    ['a byte of a request line from time to time', 'P', 'O', strangerLimitMs],
    ['a header from time to time', head, 'X: y\r\n', strangerLimitMs],
    ['a header from time to time beside the right token', head + bearer, 'X: y\r\n', strangerLimitMs],
    [
      'a byte of a body from time to time, with the right token',
      `${head}${bearer}Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n`,
      ' ',
      bodyLimitMs,
    ],
    [
      'a byte of a body from time to time, without a token',
      `${head}Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n`,
      ' ',
      bodyLimitMs,
    ],
    ['half a WebSocket handshake', upgradeRequest(server.http).slice(0, -2), '', strangerLimitMs],
  ];
  return [
    ...slow.map(([attack, begin, piece, limitMs]) => ({
      attack,
      expected: 'sent away',
      run: drip(begin, piece, limitMs),
    })),
    {
      attack: `${manyStrangers} connections that say nothing, while somebody comes with the right token`,
      expected: '200',
      run: async () => {
        const strangers = await Promise.all(
          Array.from({ length: manyStrangers }, () => RawConnection.open(server.http)),
        );
        try {
          return outcome(await server.http.call('server/health', {}));
        } finally {
          for (const { socket } of strangers) socket.destroy();
        }
      },
    },
  ];
}
