import { CodedError } from '../../../../server/protocol/errors.ts';
import { systemClock } from '../../../../server/src/base/clock.ts';
import { nodeFileSystem } from '../../../../server/src/base/fileSystem.ts';
import { HiddenValues } from '../../../../server/src/base/hiddenValues.ts';
import { createLogger } from '../../../../server/src/base/logger.ts';
import { TokenStore } from '../../../../server/src/security/tokens/tokenStore.ts';

/** What this process is told to do at once: each a change, with the id it is made to. */
export type Order = readonly (readonly [change: 'issue' | 'rotate' | 'revoke', tokenId: string])[];
/** What came of each: the token that was given, `done`, or the reason of the refusal. */
export type Outcomes = readonly string[];

/** One process of several that change the tokens of one data folder, which is named by the first argument. */
const [dataFolder = ''] = process.argv.slice(2);
const store = new TokenStore({
  dataFolder,
  hidden: new HiddenValues(),
  fileSystem: nodeFileSystem,
  clock: systemClock,
  logger: createLogger(() => undefined, 'off'),
  onRepaired: () => undefined,
});

async function carryOut([change, tokenId]: Order[number]): Promise<string> {
  try {
    if (change === 'issue') return (await store.issue({ name: 'one', scope: 'read', hours: 1 })).token;
    if (change === 'rotate') return (await store.rotate(tokenId)).token ?? 'done';
    await store.revoke(tokenId);
    return 'done';
  } catch (error) {
    if (error instanceof CodedError) return error.reason;
    throw error;
  }
}

process.on('message', (order: Order) => {
  void Promise.all(order.map(carryOut)).then((outcomes: Outcomes) => process.send?.(outcomes));
});
process.on('disconnect', () => store.dispose());
process.send?.('ready');
