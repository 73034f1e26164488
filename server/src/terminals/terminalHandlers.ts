import { includesScope } from '../../protocol/declaration.ts';
import type { terminal } from '../../protocol/terminal.ts';
import type { Handlers } from '../base/handlers.ts';
import type { ShellList } from './shells/shellList.ts';
import type { TerminalService } from './terminalService.ts';
import type { TerminalSnapshots } from './screens/terminalSnapshots.ts';
import type { TerminalViewers } from './terminalViewers.ts';

/** The group `terminal` of the contract. */
export function createTerminalHandlers(services: {
  terminals: TerminalService;
  viewers: TerminalViewers;
  shells: ShellList;
  snapshots: TerminalSnapshots;
}): Handlers<typeof terminal> {
  const { terminals, viewers, shells, snapshots } = services;
  return {
    'terminal/create': async (params) => {
      const { sessionId, pid, name } = await terminals.create(params);
      return { sessionId, pid, status: 'active', name };
    },
    'terminal/list': async () => ({ terminals: await terminals.list() }),
    'terminal/shells': async () => ({ shells: await shells.list() }),
    'terminal/commands': async ({ sessionId, fromIndex, limit }) => {
      const commands = await terminals.reportedCommands(sessionId);
      return {
        commands:
          fromIndex === undefined
            ? commands.slice(-limit)
            : commands.filter(({ index }) => index >= fromIndex).slice(0, limit),
      };
    },
    'terminal/attach': ({ sessionId, fromOffset, canAnswer }, { client, signal }) =>
      // An answer is input, so that who may not type has none to give.
      viewers.attach(
        client,
        { sessionId, fromOffset, canAnswer: canAnswer && includesScope(client.scope, 'terminal') },
        signal,
      ),
    'terminal/detach': ({ sessionId }, { client }) => {
      viewers.detach(client, sessionId);
      return {};
    },
    'terminal/snapshot': (params, { signal }) => snapshots.take(params, signal),
    'terminal/write': async ({ sessionId, data }, { client, signal }) => {
      await terminals.write(sessionId, data, { by: client, signal });
      return {};
    },
    'terminal/resize': async ({ sessionId, cols, rows }) => {
      await terminals.resize(sessionId, { cols, rows });
      return {};
    },
    'terminal/signal': async ({ sessionId, signal }) => {
      await terminals.signal(sessionId, signal);
      return {};
    },
    'terminal/rename': async ({ sessionId, name }) => {
      await terminals.rename(sessionId, name);
      return {};
    },
    'terminal/acknowledge': ({ sessionId, offset }, { client }) => viewers.acknowledge(client, sessionId, offset),
    'terminal/close': async ({ sessionId, unlessWatched }, { client }) => {
      if (unlessWatched && (await viewers.isWatchedByOthers(client, sessionId))) return { closed: false };
      await terminals.close(sessionId);
      return { closed: true };
    },
  };
}
