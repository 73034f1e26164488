import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { WebSocketClient } from '../../support/webSocketClient.ts';
import { callsOverWebSocket, startLoad, type Load } from './flood.ts';

/**
 * Watches terminals of a `serve` over WebSocket in a process of its own, so that reading them costs the client that measures
 * nothing. Arguments: URL, file of the token, load. Says `printing`, and ends the terminals and itself on a message.
 */
const [url = '', tokenFile = '', load = ''] = process.argv.slice(2);
process.once('disconnect', () => process.exit(1));
const client = await WebSocketClient.open({ url: new URL(url), token: readFileSync(tokenFile, 'utf8').trim() });
const endLoad = await startLoad(load as Load, callsOverWebSocket(client));
process.send?.('printing');
await once(process, 'message');
await endLoad();
await client.close();
process.exit(0);
