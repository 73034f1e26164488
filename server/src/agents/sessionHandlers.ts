import type { session } from '../../protocol/session.ts';
import type { Handlers } from '../base/handlers.ts';
import type { SessionService } from './sessionService.ts';

/** Answers the contract's group `session`. */
export function createSessionHandlers(sessions: SessionService): Handlers<typeof session> {
  return {
    'session/new': ({ cwd }) => sessions.create(cwd),
    'session/list': async ({ cwd, limit }) => ({ sessions: await sessions.list(cwd, limit) }),
    'session/attach': ({ sessionId, fromSequence }, { client, signal }) =>
      sessions.attach(sessionId, fromSequence, client, signal),
    'session/events': async ({ sessionId, beforeSequence, limit }, context) => {
      const { events, ...place } = await sessions.earlier(sessionId, { beforeSequence, limit }, context);
      return { ...place, events: [...events] };
    },
    'session/detach': ({ sessionId }, { client }) => {
      sessions.detach(sessionId, client);
      return {};
    },
    'session/commands': async ({ sessionId, limit }, { client }) => ({
      commands: await sessions.commands(sessionId, limit, client),
    }),
    'session/prompt': (params, context) => sessions.prompt(params, context),
    'session/continue': ({ sessionId }, context) => sessions.goOn(sessionId, context),
    'session/cancel': ({ sessionId }) => sessions.cancel(sessionId),
    'session/answer_permission': async ({ sessionId, requestId, optionId }) => {
      await sessions.answerPermission(sessionId, requestId, optionId);
      return {};
    },
    'session/set_config_option': async ({ sessionId, configId, value }) => ({
      configOptions: await sessions.setConfigOption(sessionId, configId, value),
    }),
    'session/delete': async ({ sessionId }) => {
      await sessions.delete(sessionId);
      return {};
    },
  };
}
