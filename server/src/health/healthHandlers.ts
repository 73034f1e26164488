import type { server } from '../../protocol/server.ts';
import { contractVersion } from '../../protocol/version.ts';
import type { Client, Handlers } from '../base/handlers.ts';
import type { HealthService } from './healthService.ts';

type Asked = Pick<typeof server, 'server/health' | 'server/info' | 'server/capabilities'>;

/** What clients may ask about the server itself. */
export function createHealthHandlers(options: {
  health: HealthService;
  version: string;
  instanceId: string;
  dataFolder: string;
  methods: (client: Client) => string[];
}): Handlers<Asked> {
  return {
    'server/health': () => options.health.current(),
    'server/info': () => ({
      version: options.version,
      contractVersion,
      instanceId: options.instanceId,
      pid: process.pid,
      platform: process.platform,
      nodeVersion: process.versions.node,
      dataFolder: options.dataFolder,
    }),
    'server/capabilities': (_params, { client }) => ({ methods: options.methods(client) }),
  };
}
